#!/bin/sh
# Run all tests, the end-to-end tests last; arguments go to pytest. The others run side by side, each file in one
# process; those that drive a whole Tandem share one, so they run in turn. TEST_WORKERS=1 runs all in turn.
set -eu
workers=${TEST_WORKERS:-$(getconf _NPROCESSORS_ONLN)}
[ "$workers" -le 4 ] || workers=4 # each takes up to two gigabytes
# shellcheck disable=SC2010  # names of our own
quick=$(ls -d tests/*/ tests/test_*.py | grep -v -e '^tests/e2e/' -e __pycache__)
failed=0
none=0
run() {
    code=0
    .venv/bin/python -m pytest "$@" || code=$?
    case $code in
    0) ;;
    2) exit 2 ;;           # Ctrl-C
    5) none=$((none + 1)) ;; # -k may choose tests of one half only
    *) failed=$code ;;
    esac
}
# shellcheck disable=SC2086  # a list of folders
run --numprocesses "$workers" --dist loadfile --no-loadscope-reorder "$@" $quick
run "$@" tests/e2e
[ "$none" -lt 2 ] || failed=5
exit "$failed"
