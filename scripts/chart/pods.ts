/** What the chart says of injected pods as the code does: their layout, and the rules that the rest of them keeps to. */

import { stringify } from 'yaml';
import {
  ADMISSION_POLICY_RULES,
  type AdmissionPolicyRule,
} from '../../controller/injection/admission-policy-rules.ts';
import {
  AGENT_MOUNT,
  FREE_FIELDS,
  INJECTED_VOLUMES,
  initContainer,
  sidecarContainer,
} from '../../controller/injection/injected-containers.ts';
import {
  APPARMOR_ANNOTATION,
  MIRROR_ANNOTATION,
  VOLUME_TYPES,
} from '../../controller/injection/pod-rules.ts';
import { SELINUX_TYPES } from '../../controller/injection/profile-rules.ts';
import {
  AGENT_DIRECTORY,
  INBOUND_PORTS_VARIABLE,
  INIT_CONTAINER_NAME,
  POD_VOLUMES,
  SIDECAR_CONTAINER_NAME,
  SIDECAR_METRICS_PORT_NAME,
  SIDECAR_PORTS,
  SIDECAR_UID,
} from '../../core/api/pod-layout.ts';
import { cel, celList, concatenation } from './cel.ts';
import type { Definition } from './definition.ts';

export function podLayout(): Definition[] {
  const { env: _, ...netInit } = initContainer('');
  const ports = Object.values(SIDECAR_PORTS).sort((a, b) => a - b);
  return [
    { name: 'netInitName', comment: 'First init container.', text: INIT_CONTAINER_NAME },
    { name: 'sidecarName', comment: 'Second init container.', text: SIDECAR_CONTAINER_NAME },
    {
      name: 'injectedContainers',
      comment: 'Names of the injected containers. CEL.',
      text: celList([INIT_CONTAINER_NAME, SIDECAR_CONTAINER_NAME]),
    },
    {
      name: 'sidecarUID',
      comment: "The sidecar's user, which is its group, too.",
      text: `${SIDECAR_UID}`,
    },
    { name: 'sidecarPorts', comment: "The sidecar's ports. CEL.", text: `[${ports.join(', ')}]` },
    {
      name: 'metricsPort',
      comment: "Name of the sidecar's port for metrics and health.",
      text: SIDECAR_METRICS_PORT_NAME,
    },
    {
      name: 'agentDirectory',
      comment: 'Where in-cluster clients look, and find what the sidecar writes for them.',
      text: AGENT_DIRECTORY,
    },
    {
      name: 'inboundPortsVariable',
      comment: "Net-init's one variable: the ports that stay open.",
      text: INBOUND_PORTS_VARIABLE,
    },
    {
      name: 'netInit',
      comment: 'Net-init as it is stored, without its variable. YAML.',
      text: stringify(netInit),
    },
    {
      name: 'sidecar',
      comment: 'The sidecar as it is stored. YAML.',
      text: stringify(sidecarContainer()),
    },
    {
      name: 'freeFields',
      comment: 'Fields of these two that defaults or other admission plugins fill in. YAML.',
      text: stringify(FREE_FIELDS),
    },
    {
      name: 'injectedVolumes',
      comment: 'The injected volumes as they are stored. YAML.',
      text: stringify(INJECTED_VOLUMES, { aliasDuplicateObjects: false }),
    },
    {
      name: 'injectedVolumeNames',
      comment: 'Their names. YAML.',
      text: stringify(Object.values(POD_VOLUMES).sort()),
    },
    {
      name: 'tokenVolume',
      comment: "The volume with the sidecar's token.",
      text: POD_VOLUMES.token,
    },
    {
      name: 'agentVolume',
      comment: 'The one that other containers mount.',
      text: POD_VOLUMES.agent,
    },
    {
      name: 'agentMount',
      comment: 'How other containers mount it. YAML.',
      text: stringify(AGENT_MOUNT),
    },
  ];
}

export function podRules(): Definition[] {
  return [
    {
      name: 'volumeFields',
      comment: 'What a volume may have: its name, and one of these types. CEL.',
      text: celList(['name', ...VOLUME_TYPES]),
    },
    {
      name: 'seLinuxTypes',
      comment: 'SELinux types that container runtimes give by themselves. CEL.',
      text: celList([...SELINUX_TYPES]),
    },
    {
      name: 'mirrorAnnotation',
      comment: "Annotation of a static pod's mirror.",
      text: MIRROR_ANNOTATION,
    },
    {
      name: 'appArmorAnnotation',
      comment: 'Prefix of annotations with a profile of AppArmor.',
      text: APPARMOR_ANNOTATION,
    },
    {
      name: 'podRules',
      comment: 'What policies about pods refuse with, by ID of the rule. YAML.',
      text: stringify(
        Object.fromEntries(
          Object.entries<AdmissionPolicyRule>(ADMISSION_POLICY_RULES).map(podRule),
        ),
        {
          lineWidth: 0,
        },
      ),
    },
  ];
}

function podRule([id, { field, advice, adviceFor }]: [string, AdmissionPolicyRule]): [
  string,
  object,
] {
  if (adviceFor === undefined) return [id, { field, advice }];
  const sentence = adviceFor({
    name: cel('object.metadata.name'),
    namespace: cel('request.namespace'),
  });
  return [id, { field, advice, messageExpression: concatenation(`${field}: ${sentence}`) }];
}
