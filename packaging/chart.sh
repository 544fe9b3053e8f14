#!/usr/bin/env bash
# Packs the chart for an image that is published: its repository and digest become the defaults, and each alert links to the runbook
# of this version.
#
#   packaging/chart.sh DIRECTORY REGISTRY REPOSITORY DIGEST HOME
#
# For example: chart.sh dist registry.example.org team/operator sha256:... https://git.example.org/team/operator
#
# HELM names the program; Helm 4.3 or newer makes the same bytes of the same chart.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

directory=$1 registry=$2 repository=$3 digest=$4 home=$5
if ! [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
    echo "chart.sh: '$digest' is no digest" >&2
    exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root/charts/$name" "$work/chart"
python3 "$root/packaging/release_values.py" "$work/chart/values.yaml" "$registry" "$repository" "$digest" \
    "$home/blob/v$version/docs/runbooks"
# What the templates take for a value that is absent.
cp "$work/chart/values.yaml" "$work/chart/files/defaults.yaml"
mkdir -p "$directory"
"${HELM:-helm}" package "$work/chart" --version "$version" --app-version "$version" --destination "$directory" >&2
echo "$directory/$name-$version.tgz"
