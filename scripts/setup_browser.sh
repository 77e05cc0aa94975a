#!/bin/sh
# See to it that the browser tests have a Chromium: the machine's, else Debian's, else Playwright's.
set -eu
found() {
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && return 0
    done
    # Playwright's own, from an earlier run.
    .venv/bin/python -c '
import sys
from pathlib import Path
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not Path(playwright.chromium.executable_path).is_file())' 2>/dev/null
}
found && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    sh scripts/step.sh "Install Debian's Chromium for the browser tests (1 minute)" apt-chromium \
        sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium' ||
        true
fi
found && exit 0
PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT=15000 sh scripts/step.sh \
    "Fetch Chromium for the browser tests (1 minute)" playwright .venv/bin/playwright install chromium || true
if ! found; then
    echo "The browser tests need Chromium: install it, so that chromium, chromium-browser or google-chrome is on PATH." >&2
    exit 1
fi
