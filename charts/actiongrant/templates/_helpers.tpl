{{- define "actiongrant.labels" -}}
app.kubernetes.io/name: actiongrant
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "actiongrant.selectorLabels" -}}
app.kubernetes.io/name: actiongrant
app.kubernetes.io/component: controller
{{- end }}

{{- /* The controller as request.userInfo.username says it, as a CEL string. */ -}}
{{- define "actiongrant.controllerUser" -}}
'system:serviceaccount:{{ .Release.Namespace }}:actiongrant-controller'
{{- end }}

{{- /*
Who collects garbage and empties namespaces, as a CEL list. A control plane that runs without
--use-service-account-credentials does both as system:kube-controller-manager.
*/ -}}
{{- define "actiongrant.collectors" -}}
['system:serviceaccount:kube-system:generic-garbage-collector', 'system:serviceaccount:kube-system:namespace-controller', 'system:kube-controller-manager']
{{- end }}

{{- /* A binding that denies, for the policy of the same name. Call with the policy's name. */ -}}
{{- define "actiongrant.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "actiongrant.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
{{- end }}
