{{- /* Fails where the Prometheus operator's kinds are not known. Call with the value's name and the kind. */ -}}
{{- define "actiongrant.needsOperator" -}}
{{- $version := printf "monitoring.coreos.com/v1/%s" .kind -}}
{{- if not (.root.Capabilities.APIVersions.Has $version) -}}
{{- fail (printf "metrics.%s.enabled: this cluster has no %s (monitoring.coreos.com/v1). Install the Prometheus operator first, set it to false, or, where there is no cluster to ask (helm template), add --api-versions %s." .value .kind $version) -}}
{{- end -}}
{{- end }}
