/** What the chart has in common with the code: names, the pod layout, and the words of rules, each as a named template. */

import { stringify } from 'yaml';
import {
  DECIDED_BY_THE_CONTROLLER,
  markedBy,
  REQUESTER_MAY_NOT_DECIDE,
} from '../../controller/admission/grants/grant-refusals.ts';
import { TRACKING_MARKS } from '../../controller/admission/grants/tracking-marks.ts';
import {
  AUDIENCE_OF_THE_API_SERVER,
  REQUESTER_MAY_NOT_DELEGATE,
} from '../../controller/credentials/service-account-token-refusals.ts';
import type { GrantRefusal } from '../../controller/grants/grant-refusal.ts';
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
  API_GROUP,
  API_VERSION,
  BOUND_SECRET_PREFIX,
  BOUND_SECRET_TYPE,
  EXCHANGE_AUDIENCE,
} from '../../core/api/names.ts';
import {
  AGENT_DIRECTORY,
  INBOUND_PORTS_VARIABLE,
  INIT_CONTAINER_NAME,
  POD_VOLUMES,
  SIDECAR_CONFIG_MAP,
  SIDECAR_CONTAINER_NAME,
  SIDECAR_METRICS_PORT_NAME,
  SIDECAR_PORTS,
  SIDECAR_UID,
} from '../../core/api/pod-layout.ts';
import { cel, celList, concatenation } from './cel.ts';

/** A named template. */
export interface Definition {
  /** Behind `actiongrant.`. */
  readonly name: string;
  /** What it is, for who reads the chart. */
  readonly comment: string;
  readonly text: string;
}

export function definitions(): Definition[] {
  return [...names(), ...podLayout(), ...podRules(), ...grantRules()];
}

function names(): Definition[] {
  return [
    { name: 'apiGroup', comment: 'API group of the custom resources.', text: API_GROUP },
    { name: 'apiVersion', comment: 'Their version.', text: API_VERSION },
    {
      name: 'audience',
      comment:
        "Audience of the token with which a sidecar proves its pod's identity to the exchange.",
      text: EXCHANGE_AUDIENCE,
    },
    {
      name: 'boundSecretType',
      comment: 'Type of the empty Secret whose existence keeps a credential alive.',
      text: BOUND_SECRET_TYPE,
    },
    {
      name: 'boundSecretPrefix',
      comment: 'What the name of every such Secret begins with.',
      text: BOUND_SECRET_PREFIX,
    },
    {
      name: 'sidecarConfigMap',
      comment: "ConfigMap in every agent namespace with the sidecars' settings.",
      text: SIDECAR_CONFIG_MAP,
    },
  ];
}

function podLayout(): Definition[] {
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

function podRules(): Definition[] {
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

function grantRules(): Definition[] {
  const requester = cel('request.userInfo.username');
  const namespace = cel('request.namespace');
  return [
    {
      name: 'grantRules',
      comment: 'What the policy about grants refuses with, by ID of the rule. YAML.',
      text: stringify(
        {
          'audience-of-the-api-server': inPolicy(AUDIENCE_OF_THE_API_SERVER),
          'decided-by-the-controller': inPolicy(DECIDED_BY_THE_CONTROLLER),
          'requester-may-not-decide': inPolicy(REQUESTER_MAY_NOT_DECIDE, { requester, namespace }),
          'requester-may-not-delegate': inPolicy(REQUESTER_MAY_NOT_DELEGATE, {
            requester,
            namespace,
            account: cel('variables.account'),
          }),
        },
        { lineWidth: 0 },
      ),
    },
    {
      name: 'trackingMarks',
      comment: 'Marks of tools that create again what is gone. YAML.',
      text: stringify(
        // `on` is true in the YAML that Helm reads.
        TRACKING_MARKS.map(({ tool, on, ...mark }) => ({
          in: on,
          ...mark,
          advice: `${markedBy(tool)}.`,
        })),
        { lineWidth: 0 },
      ),
    },
  ];
}

interface PolicyRefusal {
  readonly message: string;
  /** The same with its values, as CEL. */
  readonly messageExpression?: string;
}

function inPolicy<V extends Record<string, string>>(
  { field, reason, general }: GrantRefusal<V>,
  values?: V,
): PolicyRefusal {
  const message = `${field}: ${general}.`;
  if (values === undefined) return { message };
  return { message, messageExpression: concatenation(`${field}: ${reason(values)}.`) };
}
