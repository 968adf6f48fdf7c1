/** An action of type Kubernetes: one request to this cluster's API server, in the attributes that its RBAC sees. */

import { oneOf, record, text, textMap } from '../text/members.ts';
import { type ActionType, outcomeOfStatus } from './action-type.ts';
import { type ActionBody, parseActionBody, statedBody } from './body.ts';
import { present } from './grant-field.ts';
import { mapLines, quote } from './manifest-lines.ts';
import { parametersWithDigests } from './secret-digests.ts';
import { withOrderedSelectors } from './selectors.ts';

const PATCH_TYPES = ['JSON', 'Merge', 'StrategicMerge'] as const;

export type PatchType = (typeof PATCH_TYPES)[number];

/** The API server's own reading of a request (RequestInfo). What is absent is the empty string. */
export interface KubernetesAction {
  type: 'Kubernetes';
  /** get, list, watch, create, update, patch, apply, delete, deletecollection. */
  verb: string;
  apiGroup: string;
  version: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  patchType?: PatchType;
  queryParameters: Record<string, string>;
  body: ActionBody;
}

/** The attributes that are plain text, in the order of manifests. */
const TEXTS = [
  'verb',
  'apiGroup',
  'version',
  'resource',
  'subresource',
  'namespace',
  'name',
] as const;

export const KUBERNETES: ActionType<KubernetesAction> = {
  member: 'kubernetes',

  parse(value) {
    const o = record(value, 'action', ['type', ...TEXTS, 'queryParameters', 'body'], ['patchType']);
    const attribute = (name: (typeof TEXTS)[number]): string =>
      text(o[name], `action.${name}`, 253, true);
    return {
      type: 'Kubernetes',
      verb: attribute('verb'),
      apiGroup: attribute('apiGroup'),
      version: attribute('version'),
      resource: attribute('resource'),
      subresource: attribute('subresource'),
      namespace: attribute('namespace'),
      name: attribute('name'),
      ...(o['patchType'] === undefined
        ? {}
        : { patchType: oneOf(o['patchType'], 'action.patchType', PATCH_TYPES) }),
      queryParameters: textMap(o['queryParameters'], 'action.queryParameters', 64, 4096),
      body: parseActionBody(o['body']),
    };
  },

  canonical: (action, written) => ({
    ...action,
    queryParameters: parametersWithDigests(withOrderedSelectors(action.queryParameters), written),
  }),

  stated({ kubernetes }) {
    const field = 'spec.action.kubernetes';
    const k = present(kubernetes, field);
    return {
      action: {
        type: 'Kubernetes',
        verb: k.verb,
        apiGroup: k.apiGroup ?? '',
        version: k.version,
        resource: k.resource,
        subresource: k.subresource ?? '',
        namespace: k.namespace ?? '',
        name: k.name ?? '',
        ...(k.patchType === undefined ? {} : { patchType: k.patchType }),
        queryParameters: { ...k.queryParameters },
      },
      body: statedBody(k.body, `${field}.body`),
    };
  },

  summary({ verb, apiGroup, resource, subresource, namespace, name }) {
    const kind = `${resource}${after('.', apiGroup)}${after('/', subresource)}`;
    return joined([verb, kind, joined([namespace, name], '/')], ' ');
  },

  manifestLines: (action) => [
    ...TEXTS.filter((name) => action[name] !== '').map((name) => `${name}: ${quote(action[name])}`),
    ...(action.patchType === undefined ? [] : [`patchType: ${action.patchType}`]),
    ...mapLines('queryParameters', action.queryParameters),
  ],

  // Without audience: the API server fills in its own.
  credential: () => ({}),

  // Of a Secret object the data is secret. The body of a deletion holds its options, not the object.
  bodyIsSecret: ({ apiGroup, resource, verb }) =>
    apiGroup === '' && resource === 'secrets' && !verb.startsWith('delete'),

  outcome: outcomeOfStatus,
};

function after(separator: string, part: string): string {
  return part === '' ? '' : `${separator}${part}`;
}

/** The parts that are not empty. */
function joined(parts: readonly string[], separator: string): string {
  return parts.filter((part) => part !== '').join(separator);
}
