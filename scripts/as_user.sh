#!/usr/bin/env bash
# Runs a command as an ordinary user, with nothing of root's but this project and its interpreter in reach.
#
# For root alone: `bash scripts/as_user.sh .venv/bin/python -m pytest …`, from anywhere. The command runs in this project's
# folder as a user that nobody is (or as AS_USER_ID), with an empty home, a temporary folder of its own and an environment
# of its own; give it variables by `env NAME=VALUE command`. Where the interpreter lies below a folder that is closed to
# others (/root, often), an empty folder is put over that one, in a mount namespace that ends with the command, and only
# what is needed is shown in it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [ "${1:-}" != --inside ]; then
  [ "$(id -u)" = 0 ] || { echo "as_user.sh: you are no root; run the command itself" >&2; exit 2; }
  [ $# -gt 0 ] || { echo "as_user.sh: no command given" >&2; exit 2; }
  # its own folder, open to all: what the command leaves there is thrown away
  folder=$(mktemp -d "${TMPDIR:-/tmp}/as-user-XXXXXX")
  trap 'rm -rf "$folder"' EXIT
  chmod 755 "$folder"
  unshare --mount --propagation private bash "${BASH_SOURCE[0]}" --inside "$folder" "$@"
  exit
fi

folder=$2
shift 2
id=${AS_USER_ID:-}
if [ -z "$id" ]; then
  id=20000
  while getent passwd "$id" > /dev/null || getent group "$id" > /dev/null; do id=$((id + 1)); done
fi

# what must be in reach: this project, and whatever its interpreter lives in
python=$root/.venv/bin/python
needed=("$root")
if [ -x "$python" ]; then
  mapfile -t prefixes < <("$python" -c 'import os, sys
for path in {sys.prefix, sys.base_prefix, os.path.dirname(os.path.dirname(os.path.realpath(sys.executable)))}:
    print(os.path.realpath(path))')
  needed+=("${prefixes[@]}")
fi

# the outermost folder above a path that others may not enter, or nothing
closed_above() {
  local path=/ part
  local -a parts
  IFS=/ read -r -a parts <<< "${1#/}"
  for part in "${parts[@]}"; do
    path=${path%/}/$part
    if [ "$path" != "$1" ] && [ $(( 0$(stat -c %a "$path") & 1 )) = 0 ]; then echo "$path"; return; fi
  done
}

# first all are put aside, then the closed folders are covered, then all are put back
mkdir "$folder/aside"
number=0
declare -A covers=()
declare -a kept=()
for path in "${needed[@]}"; do
  above=$(closed_above "$path")
  [ -n "$above" ] || continue
  covers[$above]=1
  mkdir -p "$folder/aside/$number"
  mount --bind "$path" "$folder/aside/$number"
  kept+=("$path")
  number=$((number + 1))
done
for above in "${!covers[@]}"; do mount -t tmpfs -o mode=755,size=1m tmpfs "$above"; done
for index in "${!kept[@]}"; do
  mkdir -p "${kept[$index]}"
  mount --bind "$folder/aside/$index" "${kept[$index]}"
  umount "$folder/aside/$index"
done

mkdir -m 700 "$folder/home" "$folder/tmp"
chown "$id:$id" "$folder/home" "$folder/tmp"
cd "$root"
# nothing is written beside the sources, which are root's: no caches of pytest, hypothesis or Python
exec env -i \
  PATH="$PATH" LANG="${LANG:-C.UTF-8}" TERM="${TERM:-dumb}" USER=ordinary LOGNAME=ordinary \
  HOME="$folder/home" TMPDIR="$folder/tmp" XDG_CACHE_HOME="$folder/home/.cache" \
  PYTHONDONTWRITEBYTECODE=1 PYTEST_ADDOPTS="-p no:cacheprovider" HYPOTHESIS_STORAGE_DIRECTORY="$folder/tmp/hypothesis" \
  setpriv --reuid "$id" --regid "$id" --clear-groups "$@"
