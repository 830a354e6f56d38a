#!/bin/sh
# .venv holds exactly what the requirements file FILE pins: sh deploy/setup.sh FILE
# Does nothing, in a few milliseconds, when it already did: the stamp is the checksum of the pins, also of files that
# FILE includes.
set -eu

file=$1
python=${PYTHON:-python3}
venv=.venv
oldest="3, 11"

fail() {
    echo "tiebreak: $*" >&2
    exit 1
}

checksum() {
    cat requirements.txt "$file" $(sed -n 's/^-r //p' "$file") | cksum
}

stamp=$venv/.installed-$file
if [ -x $venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(checksum)" ]; then
    exit 0
fi

command -v "$python" >/dev/null 2>&1 ||
    fail "there is no '$python' here. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3.11 …"
"$python" -c "import sys; sys.exit(sys.version_info < ($oldest))" ||
    fail "'$python' is $("$python" --version 2>&1), and Tiebreak needs 3.11 or newer. Name another: make PYTHON=python3.11 …"

if ! [ -x $venv/bin/python ] || ! $venv/bin/python -m pip --version >/dev/null 2>&1; then
    "$python" -c "import ensurepip" >/dev/null 2>&1 ||
        fail "'$python' cannot make virtual environments (no ensurepip). On Debian and Ubuntu: apt-get install python3-venv"
    echo "tiebreak: making $venv with $("$python" --version) …"
    rm -rf $venv
    "$python" -m venv $venv || fail "making $venv failed; the lines above say why."
fi

pip() {
    $venv/bin/python -m pip --disable-pip-version-check --no-input "$@"
}

# Linux wheels of torch on PyPI bring gigabytes of CUDA libraries. Where no NVIDIA device is, take the small build
# of the very same version, if its shop can be reached; otherwise pip finds what it finds.
shop=https://download.pytorch.org/whl/cpu
if [ "$(uname -s)" = Linux ] && ! [ -e /dev/nvidiactl ] && ! pip show --quiet torch 2>/dev/null; then
    if $venv/bin/python -c "import urllib.request as r; r.urlopen('$shop/torch/', timeout=3)" 2>/dev/null; then
        echo "tiebreak: no NVIDIA device here, so torch comes without CUDA …"
        pip install --quiet --no-deps --index-url $shop "$(grep '^torch==' requirements.txt)" || true
    fi
fi

echo "tiebreak: installing $file (a few minutes the first time, nothing later) …"
rm -f "$stamp"
pip install -r "$file" || fail "installing $file failed; the lines above say why. 'make setup' tries again."
checksum >"$stamp"
if [ "$file" = requirements-dev.txt ]; then # which includes the other
    cat requirements.txt requirements.txt | cksum >$venv/.installed-requirements.txt
fi
