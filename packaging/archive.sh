#!/usr/bin/env bash
# Packs the program as the kubectl plugin `kubectl-seqstore`, one archive for a platform; the same input makes the same bytes.
#
#   packaging/archive.sh PROGRAM OS PLATFORM DIRECTORY      e.g. archive.sh .../sequencestore-operator linux amd64 dist
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

program=$1 archive=kubectl-seqstore_v${version}_$2_$3.tar.gz directory=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install -m 0755 "$program" "$work/kubectl-seqstore"
install -m 0644 "$root/LICENSE" "$work/LICENSE"
mkdir -p "$directory"
tar -C "$work" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=ustar -cf - LICENSE kubectl-seqstore |
    gzip --no-name --best > "$directory/$archive"
echo "$directory/$archive"
