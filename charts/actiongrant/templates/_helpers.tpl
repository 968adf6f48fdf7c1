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

{{- /* What Pod Security `restricted` asks of our own pods, and a read-only root. */ -}}
{{- define "actiongrant.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* Whose registry credentials every pod of ours is pulled with, and where all of them may run. */ -}}
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

{{- define "actiongrant.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* The controller as request.userInfo.username says it, as a CEL string. */ -}}
{{- define "actiongrant.controllerUser" -}}
'system:serviceaccount:{{ .Release.Namespace }}:actiongrant-controller'
{{- end }}

{{- /* The same of the job that runs before the release is deleted. */ -}}
{{- define "actiongrant.uninstallUser" -}}
'system:serviceaccount:{{ .Release.Namespace }}:actiongrant-uninstall'
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

{{- /* The image of net-init and sidecar. */ -}}
{{- define "actiongrant.sidecarImage" -}}
{{ .Values.sidecar.image | default .Values.controller.image }}
{{- end }}

{{- /* Their resources as JSON, every quantity a string. */ -}}
{{- define "actiongrant.sidecarResources" -}}
{{- $resources := dict -}}
{{- range $kind, $quantities := .Values.sidecar.resources -}}
{{- $texts := dict -}}
{{- range $name, $quantity := $quantities -}}
{{- $_ := set $texts $name (toString $quantity) -}}
{{- end -}}
{{- $_ := set $resources $kind $texts -}}
{{- end -}}
{{ toJson $resources }}
{{- end }}

{{- /*
The images that a new pod may have as net-init and sidecar, as a CEL list. During an upgrade the replicas that are still to
be replaced inject the image they were told of, so the release's present one stays good until the upgrade after. Where
there is no cluster to ask (helm template, GitOps) it is the new one alone, and pods wait for the new replicas.
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
Namespaces whose pods are injected. Never our own, where the controller must start before anything can be injected, nor
kube-system: nobody who labels one of them means what would follow.
*/ -}}
{{- define "actiongrant.injectedNamespaces" -}}
{{- $selector := deepCopy .Values.injection.namespaceSelector -}}
{{- $exceptions := dict "key" "kubernetes.io/metadata.name" "operator" "NotIn" "values" (list .Release.Namespace "kube-system") -}}
{{- $_ := set $selector "matchExpressions" (append ($selector.matchExpressions | default list) $exceptions) -}}
{{ toYaml $selector }}
{{- end }}

{{- /* A binding as above, for the injected namespaces only. Call with the policy's name. */ -}}
{{- define "actiongrant.injectedBinding" -}}
{{ include "actiongrant.binding" . }}
  matchResources:
    namespaceSelector:
      {{- include "actiongrant.injectedNamespaces" .root | nindent 6 }}
{{- end }}
