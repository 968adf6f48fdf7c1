{{- /* What the policies about pods need besides _generated.tpl. */ -}}

{{- /* A value as CEL that compares with anything. CEL's own literals have one type for all their members. */ -}}
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

{{- /*
The message of a rule about a container that must be exactly as injected, with the names of the fields that are not. Call with id,
container (its name), and as actiongrant.exactly.
*/ -}}
{{- define "actiongrant.differingFields" -}}
{{- $rule := get (include "actiongrant.podRules" . | fromYaml) .id -}}
{{- $variable := .variable -}}
{{- $known := concat (keys .exact) .free | sortAlpha -}}
{{- $differing := list -}}
{{- range $field, $value := .exact -}}
{{- $differing = append $differing (printf "%s.?%s.orValue(null) == %s ? '' : '%s'" $variable $field (include "actiongrant.cel" $value) $field) -}}
{{- end -}}
{{- $names := printf "([%s] + %s.map(f, f in %s ? '' : string(f))).filter(f, f != '')" (join ", " $differing) $variable (toJson $known) -}}
# The same, with the names of the fields that differ.
messageExpression: {{ printf "%s + (%s.size() == 0 ? 'env' : %s.join(', ')) + %s" (printf "%s: of %s, these fields are not as injected: " $rule.field .container | toJson) $names $names (printf ". %s" $rule.advice | toJson) | toJson }}
{{- end }}

{{- /* Reason and message of the validation for a rule of controller/injection/admission-policy-rules.ts. Call with its ID. */ -}}
{{- define "actiongrant.podRule" -}}
{{- $rule := get (include "actiongrant.podRules" . | fromYaml) . | required (printf "policies: there is no rule %s" .) -}}
reason: Forbidden
message: {{ printf "%s: %s" $rule.field $rule.advice | toJson }}
{{- with $rule.messageExpression }}
messageExpression: {{ toJson . }}
{{- end }}
{{- end }}

{{- /*
Validations of `variables.others`, the containers of the agent; `variables.pod` is the pod's securityContext. They restate Pod
Security `restricted`, which the namespace cannot have because of net-init, and keep the sidecar's user and volumes from others.
*/ -}}
{{- define "actiongrant.restrictedContainers" -}}
{{- $rules := include "actiongrant.podRules" . | fromYaml }}
{{- range $container := fromYamlArray (include "actiongrant.containerRules" .) }}
{{- $rule := get $rules $container.id }}
- expression: {{ printf "variables.others.all(c, %s)" $container.holds | toJson }}
  {{- include "actiongrant.podRule" $container.id | nindent 2 }}
  # The same, with the names of the containers that break it.
  messageExpression: {{ printf "%s + variables.others.filter(c, !(%s)).map(c, c.name).join(', ') + %s" (printf "%s: " $rule.field | toJson) $container.holds (printf ": %s" $rule.advice | toJson) | toJson }}
{{- end }}
{{- end }}

{{- define "actiongrant.containerRules" -}}
- id: privileges
  holds: >-
    c.?securityContext.?allowPrivilegeEscalation.orValue(true) == false
    && c.?securityContext.?privileged.orValue(false) == false
    && c.?securityContext.?procMount.orValue('Default') == 'Default'
    && 'ALL' in c.?securityContext.?capabilities.?drop.orValue([])
    && c.?securityContext.?capabilities.?add.orValue([]).all(a, a == 'NET_BIND_SERVICE')
- id: user
  holds: >-
    !(c.?securityContext.?runAsUser.or(variables.pod.?runAsUser).orValue(0) in [0, {{ include "actiongrant.sidecarUID" . }}])
    && c.?securityContext.?runAsNonRoot.or(variables.pod.?runAsNonRoot).orValue(false)
    && c.?securityContext.?runAsGroup.orValue(0) != {{ include "actiongrant.sidecarUID" . }}
- id: profiles
  holds: >-
    c.?securityContext.?seccompProfile.?type.or(variables.pod.?seccompProfile.?type).orValue('') in ['RuntimeDefault', 'Localhost']
    && c.?securityContext.?appArmorProfile.?type.orValue('RuntimeDefault') in ['RuntimeDefault', 'Localhost']
    && c.?securityContext.?seLinuxOptions.?type.orValue('') in {{ include "actiongrant.seLinuxTypes" . }}
    && c.?securityContext.?seLinuxOptions.?user.orValue('') == ''
    && c.?securityContext.?seLinuxOptions.?role.orValue('') == ''
- id: ports
  holds: >-
    c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0 && !(p.containerPort in {{ include "actiongrant.sidecarPorts" . }})
    && p.?protocol.orValue('TCP') != 'SCTP')
    && [c.?livenessProbe, c.?readinessProbe, c.?startupProbe, c.?lifecycle.?postStart, c.?lifecycle.?preStop].all(h,
    [h.?httpGet.?port, h.?tcpSocket.?port, h.?grpc.?port].all(p, !(p.orValue(0) in {{ include "actiongrant.sidecarPorts" . }})))
- id: volume-mounts
  holds: >-
    c.?volumeMounts.orValue([]).all(m, m == {{ include "actiongrant.agentMount" . | fromYaml | include "actiongrant.cel" }}
    || (!(m.name in {{ include "actiongrant.injectedVolumeNames" . | fromYamlArray | toJson }})
    && !(m.mountPath + '/').matches('^(/var)?{{ include "actiongrant.agentDirectory" . | trimPrefix "/var" | replace "." "[.]" }}/')))
- id: variables-from-files
  holds: >-
    c.?env.orValue([]).all(e, !(e.?valueFrom.?fileKeyRef.?volumeName.orValue('') in
    {{ include "actiongrant.injectedVolumeNames" . | fromYamlArray | toJson }}))
- id: handler-hosts
  holds: >-
    [c.?livenessProbe, c.?readinessProbe, c.?startupProbe, c.?lifecycle.?postStart, c.?lifecycle.?preStop].all(h,
    h.?httpGet.?host.orValue('') == '' && h.?tcpSocket.?host.orValue('') == '')
{{- end }}
