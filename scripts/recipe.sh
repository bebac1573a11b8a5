#!/usr/bin/env bash
# The recipes of this project, written once: make, test.sh, pre-commit and CI all call them here.
# Usage: bash scripts/recipe.sh NAME [arguments for the tool]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin
code="src tests benchmarks scripts integrations"
name=${1:-check}
shift || true

lint() {
  "$bin/ruff" check $code
  "$bin/ruff" format --check $code
  "$bin/lint-imports"
}
types() { "$bin/mypy"; }
test_all() { "$bin/python" -m pytest "$@"; }
# every attack as this user, and when that is root as an ordinary one too; ATTACK_TABLE=FILE writes the outcomes as JSON
attack() {
  local folder failed=0
  folder=$(mktemp -d) && chmod 755 "$folder"
  touch "$folder/own" "$folder/ordinary" && chmod 666 "$folder/ordinary"
  ML_MASTER_ATTACK_TABLE=$folder/own test_all tests/attack "$@" || failed=1
  if [ "$(id -u)" = 0 ]; then
    bash scripts/as_user.sh env ML_MASTER_ATTACK_TABLE="$folder/ordinary" "$bin/python" -m pytest tests/attack "$@" || failed=1
  fi
  if [ -n "${ATTACK_TABLE:-}" ]; then
    "$bin/python" -m tests.attack.table "$ATTACK_TABLE" "$folder/own" "$folder/ordinary" || failed=1
  fi
  rm -rf "$folder"
  return $failed
}

case $name in
  lint) lint ;;
  format) "$bin/ruff" check --fix $code && "$bin/ruff" format $code ;;
  type) types ;;
  test) test_all "$@" ;;
  test-fast) test_all -m "not slow" "$@" ;;
  attack) attack "$@" ;;
  docs) test_all tests/docs "$@" ;;
  bench)
    for script in benchmarks/*.py; do
      [ "$script" = benchmarks/live_check.py ] && continue # asks a real model
      echo "== $script"
      "$bin/python" "$script"
    done
    ;;
  live-check) "$bin/python" benchmarks/live_check.py "$@" ;;
  lock) "$bin/python" scripts/lock.py ;;
  # by file, slow ones first: fixtures of a module are made once; a file's tests wait for scripts, so that two share two cores well
  check) lint; types; test_all --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder "$@" ;;
  *) echo "recipe.sh: no recipe '$name'" >&2; exit 2 ;;
esac
