#!/bin/sh
# See to it that the tests of text recognition have tesseract's data for English; they are skipped without it.
set -eu
for file in "${TESSDATA_PREFIX:-/nowhere}"/eng.traineddata /usr/share/tesseract-ocr/*/tessdata/eng.traineddata; do
    [ -f "$file" ] && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    sh scripts/step.sh "Install tesseract's data for English (seconds)" apt-tesseract \
        sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tesseract-ocr-eng' ||
        true
fi
