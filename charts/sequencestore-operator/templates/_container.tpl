{{- /* The arguments of the container. Those of extraArgs go last, and replace the chart's where both have a flag. */}}
{{- define "sequencestore-operator.args" -}}
{{- $values := .Values -}}
{{- $args := list -}}
{{- $settings := list
  (list "region" $values.aws.region)
  (list "cluster-name" $values.clusterName)
  (list "poll-interval" $values.pollInterval)
  (list "read-set-poll-interval" $values.readSetPollInterval)
  (list "create-grace" $values.createGrace)
  (list "default-deletion-policy" $values.defaultDeletionPolicy)
  (list "quota-share" $values.quotaShare)
  (list "background-share" $values.backgroundShare)
  (list "log-format" $values.log.format)
  (list "log-level" $values.log.level) -}}
{{- range $setting := $settings -}}
{{- with index $setting 1 -}}
{{- $args = append $args (printf "--%s=%v" (index $setting 0) .) -}}
{{- end -}}
{{- end -}}
{{- /* Always, and so over SEQSTORE_DEFAULT_DELETION_PROTECTION: the admission policy follows the value. */ -}}
{{- $args = append $args (printf "--default-deletion-protection=%t" $values.defaultDeletionProtection) -}}
{{- /* Always, and so over the variables of the environment: the roles follow the values. */ -}}
{{- $args = append $args (printf "--account-bindings=%t" $values.accountBindings.enabled) -}}
{{- $args = append $args (printf "--require-account-binding=%t" $values.accountBindings.required) -}}
{{- with $values.concurrency -}}
{{- $args = append $args (printf "--concurrency=%d" (int .)) -}}
{{- end -}}
{{- range $values.watchNamespaces -}}
{{- $args = append $args (printf "--watch-namespace=%s" .) -}}
{{- end -}}
{{- range $operation, $rate := $values.quotas -}}
{{- $args = append $args (printf "--quota=%s=%v" $operation $rate) -}}
{{- end -}}
{{- if $values.leaderElection.enabled -}}
{{- $args = concat $args (list "--leader-elect" (printf "--leader-election-lease-name=%s" (include "sequencestore-operator.fullname" .))) -}}
{{- end -}}
{{- $args = append $args (printf "--health-probe-bind-address=:%d" (int $values.healthProbePort)) -}}
{{- if $values.metrics.enabled -}}
{{- $args = append $args (printf "--metrics-bind-address=:%d" (int $values.metrics.port)) -}}
{{- if not $values.metrics.perObject -}}
{{- $args = append $args "--metrics-per-object=false" -}}
{{- end -}}
{{- else -}}
{{- $args = append $args "--metrics-bind-address=off" -}}
{{- end -}}
{{- $flags := list -}}
{{- range $values.extraArgs -}}
{{- $flags = append $flags (regexReplaceAll "(?s)=.*$" . "") -}}
{{- end -}}
{{- if has "--leader-elect" $flags -}}
{{- fail "set leaderElection.enabled instead of --leader-elect in extraArgs: the number of Pods and the roles depend on it" -}}
{{- end -}}
{{- range list "--leader-election-lease-name" "--leader-election-namespace" -}}
{{- if has . $flags -}}
{{- fail (printf "take %s out of extraArgs: the role for the Lease is for the one that the chart names" .) -}}
{{- end -}}
{{- end -}}
{{- if has "--default-deletion-protection" $flags -}}
{{- fail "set defaultDeletionProtection instead of --default-deletion-protection in extraArgs: the admission policy depends on it" -}}
{{- end -}}
{{- if or (has "--account-bindings" $flags) (has "--require-account-binding" $flags) -}}
{{- fail "set accountBindings.enabled and accountBindings.required instead of their flags in extraArgs: roles and CRDs depend on them" -}}
{{- end -}}
{{- if and $values.accountBindings.required (not $values.accountBindings.enabled) -}}
{{- fail "accountBindings.required needs accountBindings.enabled: an operator that reads no AccountBindings would refuse every object" -}}
{{- end -}}
{{- if has "--watch-namespace" $flags -}}
{{- fail "set watchNamespaces instead of --watch-namespace in extraArgs: the roles depend on it" -}}
{{- end -}}
- run
{{- range $args }}
{{- if not (has (regexReplaceAll "(?s)=.*$" . "") $flags) }}
- {{ . | quote }}
{{- end }}
{{- end }}
{{- range $values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{- /* The environment of the container. Each name is there once, as server-side apply demands: the user's entry replaces the chart's, and
the last of several is used. */}}
{{- define "sequencestore-operator.env" -}}
{{- $own := list (dict "name" "POD_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name"))) -}}
{{- if .Values.leaderElection.enabled -}}
{{- $own = append $own (dict "name" "POD_NAMESPACE" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace"))) -}}
{{- end -}}
{{- $endpoints := dict
  "AWS_ENDPOINT_URL_OMICS" .Values.aws.endpointUrlOmics
  "AWS_ENDPOINT_URL_OMICS_TAGS" .Values.aws.endpointUrlOmicsTags
  "AWS_ENDPOINT_URL_STS" .Values.aws.endpointUrlSts -}}
{{- range $name, $url := $endpoints -}}
{{- with $url -}}
{{- $own = append $own (dict "name" $name "value" .) -}}
{{- end -}}
{{- end -}}
{{- with .Values.tracing.endpoint -}}
{{- $own = append $own (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" .) -}}
{{- if not (kindIs "invalid" $.Values.tracing.samplingRatio) -}}
{{- $own = append $own (dict "name" "OTEL_TRACES_SAMPLER" "value" "parentbased_traceidratio") -}}
{{- $own = append $own (dict "name" "OTEL_TRACES_SAMPLER_ARG" "value" (toString $.Values.tracing.samplingRatio)) -}}
{{- end -}}
{{- end -}}
{{- $kept := list -}}
{{- $seen := list -}}
{{- range reverse (concat $own .Values.extraEnv) -}}
{{- if not (has .name $seen) -}}
{{- $seen = append $seen .name -}}
{{- $kept = prepend $kept . -}}
{{- end -}}
{{- end -}}
{{- toYaml $kept -}}
{{- end -}}

{{- /* The port of the collector of traces; nothing where there is none. */}}
{{- define "sequencestore-operator.collectorPort" -}}
{{- with .Values.tracing.endpoint -}}
{{- $url := urlParse . -}}
{{- default (ternary "443" "80" (eq $url.scheme "https")) (regexFind ":[0-9]+$" $url.host | trimPrefix ":") -}}
{{- end -}}
{{- end -}}

{{- /* The security context of the Pod. */}}
{{- define "sequencestore-operator.podSecurityContext" -}}
{{- $context := .Values.podSecurityContext -}}
{{- if .Values.openshift -}}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}

{{- /* A probe of the port for health: the path, and the times from the values. */}}
{{- define "sequencestore-operator.probe" -}}
{{- toYaml (merge (dict "httpGet" (dict "path" (index . 0) "port" "health")) (index . 1)) -}}
{{- end -}}

{{- /* The constraints that spread the Pods, each with a selector. */}}
{{- define "sequencestore-operator.topologySpreadConstraints" -}}
{{- $selector := dict "matchLabels" (include "sequencestore-operator.selectorLabels" . | fromYaml) -}}
{{- $constraints := list -}}
{{- range .Values.topologySpreadConstraints -}}
{{- $constraints = append $constraints (ternary . (set (deepCopy .) "labelSelector" $selector) (hasKey . "labelSelector")) -}}
{{- end -}}
{{- toYaml $constraints -}}
{{- end -}}
