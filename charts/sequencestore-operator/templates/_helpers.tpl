{{- /* Every template begins with this. It puts the chart's default in place of each value that is null or absent: null from a user, or
absent because `helm upgrade --reuse-values` keeps the values of an older chart. It returns nothing. */}}
{{- define "sequencestore-operator.init" -}}
{{- include "sequencestore-operator.fill" (list .Values (.Files.Get "files/defaults.yaml" | fromYaml)) -}}
{{- end -}}

{{- /* Values and defaults, both changed in place. In a map that goes to Kubernetes as it is, a missing key means that the user took it out. */}}
{{- define "sequencestore-operator.fill" -}}
{{- $values := index . 0 -}}
{{- $asTheyAre := list "labels" "podSecurityContext" "securityContext" "resources" "nodeSelector" -}}
{{- range $key, $default := index . 1 -}}
{{- $value := index $values $key -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := set $values $key $default -}}
{{- else if and (kindIs "map" $default) (kindIs "map" $value) (not (has $key $asTheyAre)) -}}
{{- include "sequencestore-operator.fill" (list $value $default) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Text and limit: the text as lower-case letters, digits and hyphens. What had to be changed or cut gets a hash, so that two texts
never become one name. */}}
{{- define "sequencestore-operator.short" -}}
{{- $text := index . 0 -}}
{{- $limit := int (index . 1) -}}
{{- $clean := regexReplaceAll "[^a-z0-9-]+" (lower $text) "-" | trimAll "-" -}}
{{- if and (eq $clean $text) (le (len $text) $limit) -}}
{{- $text -}}
{{- else -}}
{{- printf "%s-%s" (trunc (int (sub $limit 9)) $clean | trimSuffix "-") (sha256sum $text | trunc 8) -}}
{{- end -}}
{{- end -}}

{{- define "sequencestore-operator.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "sequencestore-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimAll "-_." -}}
{{- end -}}

{{- /* At most 48 characters, so that the names with their suffixes stay within 63 characters. Under an alias of an umbrella chart the
alias is always part of the name: the release name may contain it, and that of another alias too. */}}
{{- define "sequencestore-operator.fullname" -}}
{{- $name := include "sequencestore-operator.name" . -}}
{{- $isAlias := ne .Chart.Name "sequencestore-operator" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if and (contains $name .Release.Name) (not $isAlias) -}}
{{- include "sequencestore-operator.short" (list .Release.Name 48) -}}
{{- else -}}
{{- include "sequencestore-operator.short" (list (printf "%s-%s" .Release.Name $name) 48) -}}
{{- end -}}
{{- end -}}

{{- /* The name of a cluster-wide object, by its purpose. Release, alias and namespace make it unique in the cluster: neither alias nor
namespace contains a dot. */}}
{{- define "sequencestore-operator.clusterWideName" -}}
{{- $root := index . 0 -}}
{{- $alias := include "sequencestore-operator.short" (list $root.Chart.Name 63) -}}
{{- printf "%s.%s.%s.%s.healthomics.dev" $root.Release.Name $alias (include "sequencestore-operator.namespace" $root) (index . 1) -}}
{{- end -}}

{{- /* The name of a Service must begin with a letter, that of a release need not. */}}
{{- define "sequencestore-operator.metricsServiceName" -}}
{{- $name := printf "%s-metrics" (include "sequencestore-operator.fullname" .) -}}
{{- regexReplaceAll "^([0-9])" $name "s-${1}" -}}
{{- end -}}

{{- define "sequencestore-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sequencestore-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "sequencestore-operator.labels" -}}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" -}}
{{- $own := dict
  "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_")
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" ($chart | trunc 63 | trimAll "-_.") -}}
{{- $selector := include "sequencestore-operator.selectorLabels" . | fromYaml -}}
{{- toYaml (mergeOverwrite (dict) .Values.commonLabels $own $selector) -}}
{{- end -}}

{{- /* The metadata of an object that has labels, annotations and mostly a namespace of its own: root, name, and the values with these. */}}
{{- define "sequencestore-operator.metadata" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
name: {{ index . 1 | quote }}
namespace: {{ default (include "sequencestore-operator.namespace" $root) $values.namespace | quote }}
labels:
  {{- $labels := include "sequencestore-operator.labels" $root | fromYaml }}
  {{- toYaml (mergeOverwrite (dict) $values.labels $labels) | nindent 2 }}
{{- with $values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "sequencestore-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sequencestore-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sequencestore-operator.image" -}}
{{- $global := .Values.global | default dict -}}
{{- $registry := default .Values.image.registry $global.imageRegistry -}}
{{- $repository := .Values.image.repository -}}
{{- if $registry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" $registry) $repository -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* A list of names or of maps with a name becomes a list of maps. */}}
{{- define "sequencestore-operator.imagePullSecrets" -}}
{{- $global := .Values.global | default dict -}}
{{- range concat .Values.imagePullSecrets ($global.imagePullSecrets | default list) }}
- {{ toYaml (ternary (dict "name" .) . (kindIs "string" .)) | nindent 2 | trim }}
{{- end -}}
{{- end -}}

{{- /* The operator's permissions on SequenceStores, Events and, if wanted, ConfigMaps, in all namespaces or in the watched ones. */}}
{{- define "sequencestore-operator.rules" -}}
- apiGroups: [healthomics.dev]
  resources: [sequencestores]
  verbs: [get, list, watch, patch]
- apiGroups: [healthomics.dev]
  resources: [sequencestores/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.connectionConfigMaps.enabled }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, update, delete]
{{- end }}
{{- end -}}
