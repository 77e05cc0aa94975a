#!/bin/sh
# Run all tests in one call, the end-to-end tests last; arguments go to pytest.
set -eu
# shellcheck disable=SC2010  # names of our own
quick=$(ls -d tests/*/ tests/test_*.py | grep -v -e '^tests/e2e/' -e __pycache__)
# shellcheck disable=SC2086  # a list of folders
exec .venv/bin/python -m pytest "$@" $quick tests/e2e
