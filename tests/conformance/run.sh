#!/bin/sh
# Checks the simulator against the public AWS service model, with boto3 and the AWS CLI in a separate venv.
# HEALTHOMICS_SIMULATOR is the path of the simulator; if it is not set, cargo builds the simulator. Arguments go to pytest.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

venv=$("$root/tests/venv.sh" conformance "$here/requirements.txt")

if [ -z "${HEALTHOMICS_SIMULATOR:-}" ]; then
    cd "$root"
    cargo build --quiet --package healthomics-simulator
    target=$(cargo metadata --format-version 1 --no-deps |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
    HEALTHOMICS_SIMULATOR=$target/debug/healthomics-simulator
fi
export HEALTHOMICS_SIMULATOR

# The AWS configuration of the caller must not affect the tests.
for name in $(env | sed -n 's/^\(AWS_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
export PYTHONDONTWRITEBYTECODE=1 NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

cd "$here"
exec "$venv/bin/python" -m pytest "$@"
