#!/usr/bin/env bash
# Pushes the packed chart of a directory to a registry, and prints name and digest of what the registry then has.
#
#   packaging/push-chart.sh DIRECTORY REGISTRY/PATH [FLAG...]     flags go to `helm push`
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

directory=$1 path=$2
shift 2
said=$("${HELM:-helm}" push "$directory/$name-$version.tgz" "oci://$path" "$@" 2>&1) || { echo "$said" >&2; exit 1; }
digest=$(sed -n 's/^Digest: *//p' <<<"$said")
[ -n "$digest" ] || { echo "push-chart.sh: no digest in what helm says: $said" >&2; exit 1; }
echo "name=$path/$name"
echo "digest=$digest"
