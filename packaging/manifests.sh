#!/usr/bin/env bash
# Writes what installs the operator with kubectl or Kustomize: install.yaml with everything, crds.yaml with the CRD of SequenceStores
# alone, and a kustomization.yaml. The CRD of AccountBindings is in install.yaml, with --set accountBindings.enabled=true.
#
#   packaging/manifests.sh CHART DIRECTORY [helm template flags]     e.g. manifests.sh dist/operator.tgz dist --set aws.region=us-east-1
#
# CHART is a packed chart or its directory. HELM names the program.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

chart=$1 directory=$2 namespace=sequencestore-system
shift 2
mkdir -p "$directory"
cp "$root/crds/sequencestores.yaml" "$directory/crds.yaml"
{
    cat <<YAML
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    pod-security.kubernetes.io/enforce: restricted
YAML
    # Helm does not manage these objects.
    "${HELM:-helm}" template "$name" "$chart" --namespace "$namespace" --kube-version 1.33.0 "$@" |
        sed -e '/^ *app.kubernetes.io\/managed-by: Helm$/d' -e '/^ *helm.sh\//d' -e '/^# Source: /d'
} >"$directory/install.yaml"
cat >"$directory/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [install.yaml]
YAML
