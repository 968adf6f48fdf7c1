/** What the chart has in common with the code, each as a named template. */

import {
  API_GROUP,
  API_VERSION,
  BOUND_SECRET_PREFIX,
  BOUND_SECRET_TYPE,
  CREDENTIAL_SECONDS,
  EXCHANGE_AUDIENCE,
} from '../../core/api/names.ts';
import { SIDECAR_CONFIG_MAP } from '../../core/api/pod-layout.ts';
import type { Definition } from './definition.ts';
import { grantRules } from './grants.ts';
import { podLayout, podRules } from './pods.ts';

export function definitions(): Definition[] {
  return [...names(), ...podLayout(), ...podRules(), ...grantRules()];
}

function names(): Definition[] {
  return [
    { name: 'apiGroup', comment: 'API group of the custom resources.', text: API_GROUP },
    { name: 'apiVersion', comment: 'Their version.', text: API_VERSION },
    {
      name: 'credentialSeconds',
      comment: 'Seconds that a minted token lives at most, if nobody deletes its Secret.',
      text: `${CREDENTIAL_SECONDS}`,
    },
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
