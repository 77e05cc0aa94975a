#!/bin/sh
# Make .venv-checks: the judges of deployment files.
set -eu
export PIP_DISABLE_PIP_VERSION_CHECK=1
sh scripts/make_venv.sh .venv-checks
want=$(cksum <requirements/checks.txt)
if [ "$(cat .venv-checks/.stamp 2>/dev/null)" = "$want" ]; then
    exit 0
fi
sh scripts/step.sh "Install the judges of deployment files (1 minute)" pip-checks \
    .venv-checks/bin/python -m pip install --progress-bar off -r requirements/checks.txt
printf '%s' "$want" >.venv-checks/.stamp
