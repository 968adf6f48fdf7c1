{{- /* What controller/injection says of an injected pod, as CEL. */ -}}

{{- define "actiongrant.ourContainers" -}}
['actiongrant-init', 'actiongrant']
{{- end }}

{{- /* What is the sidecar's alone: its user, which is its group too, and its ports. */ -}}
{{- define "actiongrant.sidecarUID" -}}
64464
{{- end }}

{{- define "actiongrant.sidecarPorts" -}}
[15001, 15006, 15020, 15053]
{{- end }}

{{- /* Types that container runtimes give by themselves. */ -}}
{{- define "actiongrant.seLinuxTypes" -}}
['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']
{{- end }}

{{- define "actiongrant.agentDirectory" -}}
'/var/run/secrets/kubernetes.io/serviceaccount'
{{- end }}

{{- /* A value as CEL that compares with anything: CEL's own literals have one type for all their members. */ -}}
{{- define "actiongrant.cel" -}}
{{- $members := list -}}
{{- if kindIs "map" . -}}
{{- range $key, $value := . -}}
{{- $members = append $members (printf "%s: %s" (toJson $key) (include "actiongrant.cel" $value)) -}}
{{- end -}}
dyn({ {{- join ", " $members -}} })
{{- else if kindIs "slice" . -}}
{{- range . -}}
{{- $members = append $members (include "actiongrant.cel" .) -}}
{{- end -}}
dyn([ {{- join ", " $members -}} ])
{{- else -}}
dyn({{ toJson . }})
{{- end -}}
{{- end }}

{{- /*
The container `variable` has these fields, exactly, and no others but `free`. Call with variable, exact (a dictionary) and
free (a list of names that are checked elsewhere or that nothing depends on).
*/ -}}
{{- define "actiongrant.exactly" -}}
{{- $variable := .variable -}}
{{ $variable }}.all(field, field in {{ concat (keys .exact) .free | sortAlpha | toJson }})
{{- range $field, $value := .exact }}
&& {{ $variable }}.?{{ $field }}.orValue(null) == {{ include "actiongrant.cel" $value }}
{{- end }}
{{- end }}

{{- /* Fields of a container that say how it is run, and that defaults or other admission plugins fill in. */ -}}
{{- define "actiongrant.freeFields" -}}
[image, imagePullPolicy, resources, resizePolicy]
{{- end }}

{{- define "actiongrant.netInit" -}}
name: actiongrant-init
args: [dist/sidecar/net-init/main.js]
securityContext:
  runAsUser: 0
  runAsGroup: 0
  runAsNonRoot: false
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL], add: [NET_ADMIN]}
  seccompProfile: {type: RuntimeDefault}
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- define "actiongrant.sidecar" -}}
name: actiongrant
restartPolicy: Always
args: [--max-semi-space-size=4, --max-old-space-size=56, dist/sidecar/main.js]
env:
  - {name: ACTIONGRANT_SETTINGS, value: /etc/actiongrant/settings}
  - {name: ACTIONGRANT_POD_NAMESPACE, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}}
  - {name: ACTIONGRANT_POD_NAME, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}
  - {name: ACTIONGRANT_SERVICE_ACCOUNT, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.serviceAccountName}}}
ports:
  - {name: ag-metrics, containerPort: 15020, protocol: TCP}
startupProbe:
  httpGet: {path: /readyz, port: 15020, scheme: HTTP}
  failureThreshold: 60
  periodSeconds: 1
  successThreshold: 1
  timeoutSeconds: 1
securityContext:
  runAsUser: {{ include "actiongrant.sidecarUID" . }}
  runAsGroup: {{ include "actiongrant.sidecarUID" . }}
  runAsNonRoot: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: actiongrant-token, mountPath: /etc/actiongrant/token, readOnly: true}
  - {name: actiongrant-settings, mountPath: /etc/actiongrant/settings, readOnly: true}
  - {name: actiongrant-state, mountPath: /run/actiongrant/state}
  - {name: actiongrant-agent, mountPath: /run/actiongrant/agent}
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- /* How the other containers see what the sidecar writes for them. */ -}}
{{- define "actiongrant.agentMount" -}}
{name: actiongrant-agent, mountPath: {{ include "actiongrant.agentDirectory" . }}, readOnly: true}
{{- end }}

{{- define "actiongrant.volumes" -}}
actiongrant-token:
  name: actiongrant-token
  projected:
    defaultMode: 420
    sources:
      - serviceAccountToken: {audience: actiongrant.dev, expirationSeconds: 3600, path: token}
actiongrant-settings:
  name: actiongrant-settings
  configMap: {name: actiongrant-sidecar, defaultMode: 420}
actiongrant-state:
  name: actiongrant-state
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
actiongrant-agent:
  name: actiongrant-agent
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}

{{- /*
Validations of `variables.others`, the containers that are not ours; `variables.pod` is the pod's securityContext. They say
what Pod Security `restricted` says, which the namespace cannot have because of net-init, and keep our user and volumes ours.
*/ -}}
{{- define "actiongrant.restrictedContainers" -}}
{{- range $rule := fromYamlArray (include "actiongrant.containerRules" .) }}
- expression: {{ printf "variables.others.all(c, %s)" $rule.holds | toJson }}
  reason: Forbidden
  message: {{ printf "%s: %s" $rule.field $rule.advice | toJson }}
  # The same, with the names of those it is about.
  messageExpression: {{ printf "%s + variables.others.filter(c, !(%s)).map(c, c.name).join(', ') + %s" (printf "%s: " $rule.field | toJson) $rule.holds (printf ": %s" $rule.advice | toJson) | toJson }}
{{- end }}
{{- end }}

{{- define "actiongrant.containerRules" -}}
- field: securityContext
  advice: >-
    an agent's containers have no privileges: set allowPrivilegeEscalation: false and capabilities.drop: [ALL], add nothing
    but NET_BIND_SERVICE, and leave privileged and procMount out.
  holds: >-
    c.?securityContext.?allowPrivilegeEscalation.orValue(true) == false
    && c.?securityContext.?privileged.orValue(false) == false
    && c.?securityContext.?procMount.orValue('Default') == 'Default'
    && 'ALL' in c.?securityContext.?capabilities.?drop.orValue([])
    && c.?securityContext.?capabilities.?add.orValue([]).all(a, a == 'NET_BIND_SERVICE')
- field: securityContext.runAsUser
  advice: >-
    an agent's containers run as a user that is named in the pod, with runAsNonRoot: true, and is neither 0 nor 64464, which
    is the sidecar's; nor is 64464 their group.
  holds: >-
    !(c.?securityContext.?runAsUser.or(variables.pod.?runAsUser).orValue(0) in [0, {{ include "actiongrant.sidecarUID" . }}])
    && c.?securityContext.?runAsNonRoot.or(variables.pod.?runAsNonRoot).orValue(false)
    && c.?securityContext.?runAsGroup.orValue(0) != {{ include "actiongrant.sidecarUID" . }}
- field: securityContext.seccompProfile
  advice: >-
    an agent's containers run under the seccomp profile RuntimeDefault or one of type Localhost, and under no AppArmor
    profile or SELinux label that is wider than the runtime's.
  holds: >-
    c.?securityContext.?seccompProfile.?type.or(variables.pod.?seccompProfile.?type).orValue('') in ['RuntimeDefault', 'Localhost']
    && c.?securityContext.?appArmorProfile.?type.orValue('RuntimeDefault') in ['RuntimeDefault', 'Localhost']
    && c.?securityContext.?seLinuxOptions.?type.orValue('') in {{ include "actiongrant.seLinuxTypes" . }}
    && c.?securityContext.?seLinuxOptions.?user.orValue('') == ''
    && c.?securityContext.?seLinuxOptions.?role.orValue('') == ''
- field: ports
  advice: >-
    an agent's containers use no port of the node (hostPort), none of the sidecar's (15001, 15006, 15020, 15053), not for
    probes and lifecycle hooks either, and no SCTP, which is not let in. Choose another, and use a Service.
  holds: >-
    c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0 && !(p.containerPort in {{ include "actiongrant.sidecarPorts" . }})
    && p.?protocol.orValue('TCP') != 'SCTP')
    && [c.?livenessProbe, c.?readinessProbe, c.?startupProbe, c.?lifecycle.?postStart, c.?lifecycle.?preStop].all(h,
    [h.?httpGet.?port, h.?tcpSocket.?port, h.?grpc.?port].all(p, !(p.orValue(0) in {{ include "actiongrant.sidecarPorts" . }})))
- field: volumeMounts
  advice: >-
    only the sidecar mounts the volumes actiongrant-*; other containers have actiongrant-agent, read-only, at
    /var/run/secrets/kubernetes.io/serviceaccount, and nothing else there.
  holds: >-
    c.?volumeMounts.orValue([]).all(m, m == {{ include "actiongrant.agentMount" . | fromYaml | include "actiongrant.cel" }}
    || (!(m.name in {{ include "actiongrant.volumes" . | fromYaml | keys | sortAlpha | toJson }})
    && !(m.mountPath + '/').matches('^(/var)?/run/secrets/kubernetes[.]io/serviceaccount/')))
- field: env.valueFrom.fileKeyRef
  advice: >-
    the kubelet reads variables from a file (KEP-3721) without mounting it, so the volumes actiongrant-* are out of reach here,
    too.
  holds: >-
    c.?env.orValue([]).all(e, !(e.?valueFrom.?fileKeyRef.?volumeName.orValue('') in
    {{ include "actiongrant.volumes" . | fromYaml | keys | sortAlpha | toJson }}))
- field: livenessProbe.httpGet.host
  advice: >-
    probes and lifecycle hooks go to the pod itself. The kubelet makes these calls, past the sidecar, so leave host out.
  holds: >-
    [c.?livenessProbe, c.?readinessProbe, c.?startupProbe, c.?lifecycle.?postStart, c.?lifecycle.?preStop].all(h,
    h.?httpGet.?host.orValue('') == '' && h.?tcpSocket.?host.orValue('') == '')
{{- end }}
