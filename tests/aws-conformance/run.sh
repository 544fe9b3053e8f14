#!/bin/sh
# Runs main.py with boto3 in a separate venv. HEALTHOMICS_SIMULATOR is the path of the simulator, whose assumptions the report compares with.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=$("$here/../venv.sh" conformance "$here/../conformance/requirements.txt")
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" "$here/main.py" "$@"
