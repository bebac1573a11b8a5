#!/usr/bin/env bash
# Sets everything up in .venv (once) and checks the project: lint, types, layers, tests. Arguments go to pytest.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bash "$root/scripts/setup.sh" dev
exec bash "$root/scripts/recipe.sh" check "$@"
