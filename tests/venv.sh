#!/bin/sh
# Makes a Python environment with the packages of a requirements file in the user's cache, and prints its path.
#
#   tests/venv.sh NAME REQUIREMENTS
#
# There is one environment for each content of the file and version of Python, so a later run finds it.
set -eu

name=$1
requirements=$2
command -v python3 >/dev/null || { echo "this script requires python3 with the venv module (Debian: apt install python3-venv)" >&2; exit 2; }

hash=$(python3 -c 'import hashlib, sys
data = open(sys.argv[1], "rb").read() + sys.version.encode()
print(hashlib.sha256(data).hexdigest()[:16])' "$requirements")
venv=${XDG_CACHE_HOME:-$HOME/.cache}/sequencestore-operator/$name-venv-$hash

# The marker file is written last: a venv without it is an incomplete installation.
if [ ! -f "$venv/.complete" ]; then
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    python3 -m venv "$venv" >&2 || { echo "python3 has no venv module (Debian: apt install python3-venv)" >&2; exit 2; }
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input -r "$requirements" >&2
    touch "$venv/.complete"
fi
echo "$venv"
