{{- /* Fails if the cluster does not know a kind of the Prometheus operator. Call with the value's name and the kind. */ -}}
{{- define "actiongrant.needsOperator" -}}
{{- $version := printf "monitoring.coreos.com/v1/%s" .kind -}}
{{- if not (.root.Capabilities.APIVersions.Has $version) -}}
{{- fail (printf "metrics.%s.enabled: this cluster has no %s (monitoring.coreos.com/v1). Install the Prometheus operator first, or set the value to false. If you render without a cluster (helm template), add --api-versions %s." .value .kind $version) -}}
{{- end -}}
{{- end }}
