#!/bin/sh
# Checks how the program is packed and published, with pytest in a venv of its own.
#
#   tests/image/run.sh lint        Dockerfile, workflows and scripts: seconds, no image
#   tests/image/run.sh release     all of it, on images, archives and chart that `make release-check` made
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
what=$1
shift

venv=$("$root/tests/venv.sh" image "$here/requirements.txt")
PATH=$venv/bin:$PATH
# The control plane, with its Helm and kubectl.
cd "$root"
PATH=$(cargo run --quiet --locked --package control-plane -- binaries):${CARGO_TARGET_DIR:-$root/target}/debug:$PATH
export PATH PYTHONDONTWRITEBYTECODE=1

cd "$here"
case $what in
    lint) exec python -m pytest test_workflows.py test_scripts.py "$@" ;;
    release) exec python -m pytest "$@" ;;
    *) echo "run.sh: unknown part '$what': use lint or release" >&2; exit 2 ;;
esac
