#!/usr/bin/env bash
# Prints the manifest by which krew installs the plugin, for the archives in a directory.
#
#   packaging/krew.sh DIRECTORY HOME     HOME is the address of the repository, e.g. https://git.example.org/team/operator
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

directory=$1 home=$2
cat <<MANIFEST
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: seqstore
spec:
  version: v$version
  homepage: $home
  shortDescription: Preview and export AWS HealthOmics sequence stores
  description: |
    Shows what sequencestore-operator would do for an object, prints existing
    stores as manifests, finds stores whose object no longer exists, and prints
    the IAM policy that the operator needs. The commands change nothing, in AWS
    or in Kubernetes.
  platforms:
MANIFEST
for archive in "$directory"/kubectl-seqstore_v"${version}"_*.tar.gz; do
    file=${archive##*/}
    IFS=_ read -r _ _ os arch <<<"${file%.tar.gz}"
    cat <<PLATFORM
  - selector:
      matchLabels:
        os: $os
        arch: $arch
    uri: $home/releases/download/v$version/$file
    sha256: $(sha256sum "$archive" | cut -d' ' -f1)
    bin: kubectl-seqstore
PLATFORM
done
