#!/bin/sh
# Make .venv with the tools of tests, and .venv-engine, side by side: both wait for downloads most of the time.
set -eu
sh scripts/setup_engine.sh &
engine=$!
trap 'trap "" TERM; kill 0; exit 130' INT TERM HUP # what runs beside it ignores Ctrl-C, not this
code=0
sh scripts/setup_app.sh dev || code=$?
wait "$engine" || code=$?
exit "$code"
