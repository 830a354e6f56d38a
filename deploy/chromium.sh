#!/bin/sh
# There is a Chromium for the browser tests: the system's, else Debian's package, else Playwright's own.
set -eu

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v $name >/dev/null 2>&1 && exit 0
done
.venv/bin/python - <<'PYTHON' && exit 0
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not os.path.exists(playwright.chromium.executable_path))
PYTHON
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "tiebreak: installing Debian's chromium for the browser tests …"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -o DPkg::Lock::Timeout=120 update >/dev/null &&
        apt-get -q -y -o DPkg::Lock::Timeout=120 install chromium >/dev/null && exit 0
fi
echo "tiebreak: installing Playwright's chromium for the browser tests …"
.venv/bin/python -m playwright install chromium && exit 0
echo "tiebreak: the browser tests need Chromium, and none could be installed. Install 'chromium' and try again." >&2
exit 1
