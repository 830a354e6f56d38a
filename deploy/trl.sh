#!/bin/sh
# TRL is in .venv, for `make parity` and `make bench-train`: sh deploy/trl.sh
# requirements-trl.txt installs the newest one beside our pins, none of which moves. TRL 1.14.2, the last one before
# the fused language-model head and the fastest on a CPU, lies in a folder of its own, .venv/trl-1.14.2: a child
# process that has this folder first on PYTHONPATH imports it instead, with the same torch and transformers.
# Does nothing, in a few milliseconds, when it already did: the stamp is the checksum of what it would install.
set -eu

venv=.venv
older=1.14.2
folder=$venv/trl-$older
stamp=$venv/.installed-requirements-trl.txt

fail() {
    echo "tiebreak: $*" >&2
    exit 1
}

checksum() {
    cat requirements.txt requirements-trl.txt deploy/trl.sh | cksum
}

pip() {
    $venv/bin/python -m pip --disable-pip-version-check --no-input "$@"
}

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(checksum)" ] && [ -d "$folder/trl" ]; then
    exit 0
fi
[ -x $venv/bin/python ] || fail "there is no $venv yet. Run 'make setup' first."

rm -f "$stamp"
echo "tiebreak: installing requirements-trl.txt beside our pins …"
pip install --quiet -r requirements-trl.txt || fail "installing requirements-trl.txt failed; the lines above say why."
echo "tiebreak: installing TRL $older into $folder …"
rm -rf "$folder"
pip install --quiet --no-deps --target "$folder" "trl==$older" ||
    fail "installing TRL $older failed; the lines above say why."
pip check || fail "the packages above do not fit together."
echo "tiebreak: TRL $(pip show trl | sed -n 's/^Version: //p') is in $venv, TRL $older in $folder."
checksum >"$stamp"
