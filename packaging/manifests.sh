#!/usr/bin/env bash
# Writes crds.yaml and install.yaml, for kubectl and Kustomize, from the packed chart of a directory.
#
#   packaging/manifests.sh DIRECTORY
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

directory=$1 namespace=sequencestore-system
cp "$root/crds/sequencestores.yaml" "$directory/crds.yaml"
{
    printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n' "$namespace"
    "${HELM:-helm}" template "$name" "$directory/$name-$version.tgz" --namespace "$namespace" --kube-version 1.33
} > "$directory/install.yaml"
