#!/usr/bin/env bash
# Writes what installs the operator without Helm in the cluster: install.yaml with everything, crds.yaml with the CRD alone, and
# a kustomization.yaml to set the image and the namespace's objects from.
#
#   charts/manifests.sh DIRECTORY [helm template flags, such as --set aws.region=us-east-1]
#
# Uses `helm` of the PATH.
set -euo pipefail
chart=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/sequencestore-operator
directory=$1
shift
mkdir -p "$directory"

namespace=sequencestore-system
render() { # helm template flags
    # Helm does not manage these objects.
    helm template sequencestore-operator "$chart" --namespace "$namespace" --kube-version 1.33.0 "$@" |
        sed -e '/^ *app.kubernetes.io\/managed-by: Helm$/d' -e '/^ *helm.sh\/chart: /d' -e '/^# Source: /d'
}

{
    cat <<YAML
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    pod-security.kubernetes.io/enforce: restricted
YAML
    render "$@"
} >"$directory/install.yaml"
render --show-only templates/custom-resource-definitions.yaml "$@" >"$directory/crds.yaml"
cat >"$directory/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [install.yaml]
YAML
