#!/bin/sh
# Everything that can be judged without running Tandem. Runs all checks, and fails if one of them did.
bin=.venv/bin
failed=
check() {
    title=$1
    shift
    printf '==> %s\n' "$title" >&2
    "$@" || failed="$failed
    $title"
}
# The types take as long as all the rest: they are judged beside it, and said at the end.
typed=$(mktemp)
trap 'rm -f "$typed"' EXIT
{ $bin/mypy && $bin/mypy scripts; } >"$typed" 2>&1 &
typing=$!
check "format" $bin/ruff format --check --quiet .
check "lint" $bin/ruff check --quiet .
check "import directions" $bin/lint-imports
check "licences" $bin/python scripts/check_licences.py
check "generated docs" $bin/python scripts/generate_docs.py --check
check "paths of machines" $bin/python scripts/check_paths.py
check "Dockerfile" $bin/hadolint Dockerfile
check "YAML" $bin/yamllint --strict .pre-commit-config.yaml .yamllint.yaml compose.yaml deploy k8s examples
judges=.venv-checks/bin
check "shell" sh -c "git ls-files '*.sh' .ci/run | xargs $judges/shellcheck"
# Known forms of secrets; words such as `password` in tests and hashes in results are none.
check "secrets" sh -c "git ls-files | xargs $judges/detect-secrets-hook \
    --disable-plugin KeywordDetector --disable-plugin BasicAuthDetector \
    --disable-plugin Base64HighEntropyString --disable-plugin HexHighEntropyString"
check "deployment" $judges/python scripts/check_deployment.py
types() {
    code=0
    wait "$typing" || code=$?
    cat "$typed"
    return "$code"
}
check "types" types
if [ -n "$failed" ]; then
    printf 'These checks failed:%s\n' "$failed" >&2
    exit 1
fi
