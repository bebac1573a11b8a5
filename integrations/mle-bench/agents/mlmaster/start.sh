#!/bin/bash
# MLE-bench runs this file as the user `nonroot`; its arguments are the agent's kwargs, as flags of `mlmaster run`.
# The time limit is the agent's own to keep: adapter.py plans for it, and what is still there shortly before it is stopped.

export DATA_DIR="${DATA_DIR:-/home/data}"
export SUBMISSION_DIR="${SUBMISSION_DIR:-/home/submission}"
export LOGS_DIR="${LOGS_DIR:-/home/logs}"
export CODE_DIR="${CODE_DIR:-/home/code}"
export AGENT_DIR="${AGENT_DIR:-/home/agent}"
export TIME_LIMIT_SECS="${TIME_LIMIT_SECS:-86400}"

# ML-Master has an environment of its own, made by the Dockerfile: its libraries are newer than those of MLE-bench's
if [ -d /opt/mlmaster/bin ]; then
  export PATH="/opt/mlmaster/bin:${PATH}"
fi

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
warning=$((TIME_LIMIT_SECS / 60)) # seconds between the signal and the end
if [ "${warning}" -lt 2 ]; then warning=2; fi
if [ "${warning}" -gt 30 ]; then warning=30; fi

timeout --signal=TERM --kill-after="${warning}" "$((TIME_LIMIT_SECS - warning))" python "${here}/adapter.py" "$@"
ended=$?
if [ "${ended}" -eq 124 ] || [ "${ended}" -eq 137 ]; then
  echo "stopped at the time limit of ${TIME_LIMIT_SECS} s"
fi
exit "${ended}"
