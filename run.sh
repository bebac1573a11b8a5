#!/usr/bin/env bash
# Sets ML-Master up in .venv (once) and runs it: `bash run.sh [arguments of mlmaster run]`.
# Without arguments it solves a built-in real task in about two minutes.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bash "$root/scripts/setup.sh"
[ $# -gt 0 ] || set -- breast-cancer --time 2m --yes
exec "$root/.venv/bin/mlmaster" run "$@"
