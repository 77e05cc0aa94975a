#!/bin/sh
# See to it that the tests of text recognition have tesseract's data for English: the machine's, else Debian's.
# Without them the tests would be skipped unseen; TESTS_WITHOUT_TESSERACT=1 says that this is meant.
set -eu
[ -n "${TESTS_WITHOUT_TESSERACT:-}" ] && exit 0
found() {
    for file in "${TESSDATA_PREFIX:-/nowhere}"/eng.traineddata /usr/share/tesseract-ocr/*/tessdata/eng.traineddata; do
        [ -f "$file" ] && return 0
    done
    return 1
}
found && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    sh scripts/step.sh "Install tesseract's data for English (seconds)" apt-tesseract \
        sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tesseract-ocr-eng' ||
        true
fi
if ! found; then
    echo "The tests of text recognition need tesseract's data for English: install Debian's tesseract-ocr-eng, or" >&2
    echo "name the folder of eng.traineddata in TESSDATA_PREFIX, or leave them out with TESTS_WITHOUT_TESSERACT=1." >&2
    exit 1
fi
