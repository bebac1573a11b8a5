#!/usr/bin/env bash
# Makes .venv hold what the lock says: `setup.sh` for using ML-Master, `setup.sh dev` for working on it.
# Needs Python 3.11 or newer with pip, or uv. Does nothing when it has been done for this very lock.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
kind=${1:-use}
case $kind in
  use) lock=$root/requirements.lock ;;
  dev) lock=$root/requirements-dev.lock ;;
  *) echo "setup.sh: '$kind' is neither 'use' nor 'dev'" >&2; exit 2 ;;
esac
venv=$root/.venv
python=$venv/bin/python
stamp=$venv/.setup
wanted=$(cat "$root/requirements.lock" "$root/requirements-dev.lock" "$root/pyproject.toml" | cksum)
done_for() { [ -x "$python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$1 $wanted" ]; }
if done_for dev || done_for "$kind"; then exit 0; fi

find_python() {
  local name
  for name in "${PYTHON:-}" python3.12 python3.13 python3.11 python3.14 python3 python; do
    if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"; return
    fi
  done
  echo "setup: no Python 3.11 or newer was found; install one, or name it: PYTHON=/path/to/python3 bash run.sh" >&2
  return 1
}

make_venv() {
  local base
  if command -v uv >/dev/null; then uv venv --quiet --allow-existing --python '>=3.11' "$venv"; return; fi
  base=$(find_python)
  # Some distributions split ensurepip off; their pip can still install into an environment that has none.
  "$base" -m venv "$venv" >/dev/null 2>&1 || {
    "$base" -m venv --without-pip --clear "$venv"
    "$base" -m pip --python "$python" install --quiet pip
  }
}

install() {
  if command -v uv >/dev/null; then uv pip install --quiet --python "$python" "$@"
  else "$python" -m pip install -qq --disable-pip-version-check "$@"; fi
}

echo "setup: installing $(grep -vc '^#' "$lock") locked packages into .venv (once; a few minutes on a slow line)" >&2
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || make_venv
install -r "$lock"
install --no-deps -e "$root"
echo "$kind $wanted" >"$stamp"
