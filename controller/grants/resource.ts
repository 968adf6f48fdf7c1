/** Grants, as the API server has them. */

import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { API_GROUP, API_VERSION } from '../../core/api/names.ts';
import type { Live, Resource } from '../../core/kubernetes/object.ts';

export type LiveGrant = Live<ActionGrant>;

export const actionGrants: Resource<ActionGrant> = {
  group: API_GROUP,
  version: API_VERSION,
  resource: 'actiongrants',
  kind: 'ActionGrant',
  namespaced: true,
};
