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

{{- /* Pod Security `restricted` for the release's own pods. */ -}}
{{- define "actiongrant.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* The Secrets that the release's own pods are pulled with, and the nodes that they may run on. */ -}}
{{- define "actiongrant.podPlacement" -}}
{{- with .Values.controller.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .Values.controller.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.controller.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Pod Security `restricted` for their containers, and a read-only root. */ -}}
{{- define "actiongrant.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* Username of the controller (request.userInfo.username), as a CEL string. */ -}}
{{- define "actiongrant.controllerUser" -}}
'system:serviceaccount:{{ .Release.Namespace }}:actiongrant-controller'
{{- end }}

{{- /* Username of the job that runs before the release is deleted, as a CEL string. */ -}}
{{- define "actiongrant.uninstallUser" -}}
'system:serviceaccount:{{ .Release.Namespace }}:actiongrant-uninstall'
{{- end }}

{{- /*
Usernames that collect garbage and empty namespaces, as a CEL list. A control plane that runs without
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

{{- /* Image of net-init and the sidecar. */ -}}
{{- define "actiongrant.sidecarImage" -}}
{{ .Values.sidecar.image | default .Values.controller.image }}
{{- end }}

{{- /* Resources of net-init and the sidecar as JSON, with every quantity as a string. */ -}}
{{- define "actiongrant.quantities" -}}
{{- $resources := dict -}}
{{- range $kind, $quantities := . -}}
{{- $texts := dict -}}
{{- range $name, $quantity := $quantities -}}
{{- $_ := set $texts $name (toString $quantity) -}}
{{- end -}}
{{- $_ := set $resources $kind $texts -}}
{{- end -}}
{{ toJson $resources }}
{{- end }}

{{- /*
Images that net-init and the sidecar of a new pod may have, as a CEL list. During an upgrade, replicas that are not replaced yet
inject the image of the release before, so that image is admitted until the next upgrade. Where there is no cluster to ask (helm
template, GitOps), only the new image is admitted, and pods wait for the new replicas.
*/ -}}
{{- define "actiongrant.sidecarImages" -}}
{{- $images := list (include "actiongrant.sidecarImage" .) -}}
{{- $running := lookup "apps/v1" "Deployment" .Release.Namespace "actiongrant-controller" | default dict -}}
{{- range (dig "spec" "template" "spec" "containers" list $running) -}}
{{- range (.env | default list) -}}
{{- if and (eq .name "ACTIONGRANT_SIDECAR_IMAGE") .value -}}
{{- $images = append $images .value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ $images | uniq | toJson }}
{{- end }}

{{- /*
Selector of the namespaces whose pods are injected. It leaves out two namespaces, whoever labels them: the release's own, where the
controller must start before anything can be injected, and kube-system.
*/ -}}
{{- define "actiongrant.injectedNamespaces" -}}
{{- $selector := deepCopy .Values.injection.namespaceSelector -}}
{{- $exceptions := dict "key" "kubernetes.io/metadata.name" "operator" "NotIn" "values" (list .Release.Namespace "kube-system") -}}
{{- $_ := set $selector "matchExpressions" (append ($selector.matchExpressions | default list) $exceptions) -}}
{{ toYaml $selector }}
{{- end }}

{{- /* A binding that denies, in injected namespaces only, for the policy of the same name. Call with the policy's name. */ -}}
{{- define "actiongrant.injectedBinding" -}}
{{ include "actiongrant.binding" . }}
  matchResources:
    namespaceSelector:
      {{- include "actiongrant.injectedNamespaces" .root | nindent 6 }}
{{- end }}
