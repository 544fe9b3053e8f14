{{- define "sequencestore-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride -}}
{{- end -}}

{{- /* At most 48 characters, so that the role names with their suffixes stay within 63 characters. */}}
{{- define "sequencestore-operator.fullname" -}}
{{- $name := include "sequencestore-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sequencestore-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sequencestore-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "sequencestore-operator.labels" -}}
{{- $own := dict
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name (replace "+" "_" .Chart.Version)) -}}
{{- $selector := include "sequencestore-operator.selectorLabels" . | fromYaml -}}
{{- toYaml (mergeOverwrite (dict) .Values.commonLabels $own $selector) -}}
{{- end -}}

{{- define "sequencestore-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sequencestore-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sequencestore-operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* The operator's permissions on SequenceStores and Events, in all namespaces or in the watched ones. */}}
{{- define "sequencestore-operator.rules" -}}
- apiGroups: [healthomics.dev]
  resources: [sequencestores]
  verbs: [get, list, watch, patch]
- apiGroups: [healthomics.dev]
  resources: [sequencestores/status]
  verbs: [patch]
- apiGroups: [healthomics.dev]
  resources: [sequencestores/finalizers]
  verbs: [update]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
