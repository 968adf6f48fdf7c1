/**
 * The words of the rules about grants of ServiceAccount tokens. The chart's policy `actiongrant-grants` restates them in CEL, as
 * it does those of admission/grants/grant-refusals.ts.
 */

import { type GrantRefusal, LET_SOMEBODY_ELSE } from '../grants/grant-refusal.ts';

const NAME_THE_SERVICE =
  'Name the audience of the called service, or describe the call with type Kubernetes';

export const AUDIENCE_OF_THE_API_SERVER: GrantRefusal<{ audience: string }> = {
  field: 'spec.credential.serviceAccountToken.audience',
  reason: ({ audience }) => `${audience} is the API server's own audience. ${NAME_THE_SERVICE}`,
  general: `is the API server's own audience. ${NAME_THE_SERVICE}`,
};

export const AUDIENCE_OF_THE_EXCHANGE: GrantRefusal<{ audience: string }> = {
  field: 'spec.credential.serviceAccountToken.audience',
  reason: ({ audience }) =>
    `${audience} is the audience that proves who a sidecar is. ${NAME_THE_SERVICE}`,
  general: `is the audience that proves who a sidecar is. ${NAME_THE_SERVICE}`,
};

export const REQUESTER_MAY_NOT_DELEGATE: GrantRefusal<{
  requester: string;
  namespace: string;
  account: string;
}> = {
  field: 'spec.credential.serviceAccountToken.serviceAccountName',
  reason: ({ requester, namespace, account }) =>
    `${requester} may not delegate the ServiceAccount ${namespace}/${account}. Leave spec.approvedByRequester out ${LET_SOMEBODY_ELSE} a Role bound to you there with: apiGroups [""], resources [serviceaccounts], resourceNames [${account}], verbs [delegate]`,
  general: `you may not delegate this ServiceAccount. Leave spec.approvedByRequester out ${LET_SOMEBODY_ELSE} a Role with the verb delegate on it bound to you there`,
};
