#!/bin/sh
# What only a GPU shows: the training's tokens a second, and vLLM with many adapters and requests.
# `--dry-run` makes all that needs no GPU, prints what would run, and needs none.
set -eu
if [ "${1:-}" != --dry-run ]; then
    sh scripts/require_gpu.sh
    ENGINE=cuda sh scripts/setup_engine.sh
fi
for name in training adapters_serving; do
    printf '==> bench.%s\n' "$name" >&2
    .venv/bin/python -m "bench.$name" --device cuda "$@"
done
