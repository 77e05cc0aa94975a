#!/bin/sh
# Run the benchmarks named, or every one: the modules of bench/ that are programs.
set -eu
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046  # a list of names
    set -- $(grep -l '^if __name__ == "__main__":' bench/*.py | sed 's,^bench/\(.*\)\.py$,\1,')
fi
for name in "$@"; do
    printf '==> bench.%s\n' "$name" >&2
    .venv/bin/python -m "bench.$name"
done
