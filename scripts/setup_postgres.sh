#!/bin/sh
# See to it that the store's tests have a PostgreSQL: the machine's, else Debian's. They start a server of
# their own in a temporary folder; no server of the machine is touched.
set -eu
[ -n "${TESTS_WITHOUT_POSTGRES:-}" ] && exit 0
found() {
    PYTHONPATH=tests .venv/bin/python -c '
import sys
from postgres import find_programs
sys.exit(find_programs() is None)'
}
found && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    sh scripts/step.sh "Install Debian's PostgreSQL for the store's tests (1 minute)" apt-postgres \
        sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql' ||
        true
fi
if ! found; then
    PYTHONPATH=tests .venv/bin/python -c 'from postgres import MISSING; print(MISSING)' >&2
    exit 1
fi
