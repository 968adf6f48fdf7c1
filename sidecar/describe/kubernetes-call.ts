/** A call to the API server, in the attributes that its RBAC and audit see, plus what changes the effect beyond them. */

import { KUBERNETES, type KubernetesAction } from '../../core/action/kubernetes.ts';
import { ProblemError } from '../../core/api/problem.ts';
import { checkMapBounds } from './bounds.ts';
import type { CallType } from './call-type.ts';
import type { ActionHead } from './description.ts';
import type { RequestHeaders } from './headers.ts';
import { readAttributes } from './kubernetes-attributes.ts';
import { jsonReading, kubernetesContentType, withDefault } from './kubernetes-content-type.ts';
import { describeDiscovery } from './kubernetes-discovery.ts';
import { checkCommand, checkForbidden, checkHeaders } from './kubernetes-forbidden.ts';
import { parseKubernetesQuery } from './kubernetes-query.ts';
import { upstreamHeaders, upstreamTarget } from './kubernetes-upstream.ts';
import { readKubernetesPath } from './request-info.ts';

export interface KubernetesDescription extends ActionHead<KubernetesAction> {
  kind: 'kubernetes';
}

/** The most query parameters that the CRD lets a grant state. */
const MAX_QUERY_PARAMETERS = 8;

/** Name in the API server's certificate, whatever address it is reached under. */
const SERVER_NAME = 'kubernetes.default.svc';

export const KUBERNETES_CALL: CallType<KubernetesDescription> = {
  takes: ({ kubernetes }) => kubernetes,

  describe(method, target, headers, body) {
    const path = readKubernetesPath(target.path);
    if (path.kind === 'discovery') return describeDiscovery(method, target, headers);
    checkCommand(headers.inert);
    checkHeaders(headers.significant);
    checkEncoding(headers);
    const given = kubernetesContentType(headers);
    const parameters = parseKubernetesQuery(target.query);
    const attributes = readAttributes(method, path.path, parameters, given);
    const contentType = withDefault(given, attributes.verb, body);
    checkForbidden(attributes, method);
    const json = jsonReading(attributes.verb, contentType);
    const action = KUBERNETES.canonical(attributes, 'call');
    checkMapBounds(
      action.queryParameters,
      MAX_QUERY_PARAMETERS,
      'query parameter',
      'TargetRefused',
    );
    return {
      kind: 'kubernetes',
      action,
      upstream: {
        scheme: target.scheme,
        host: target.host,
        port: target.port,
        method,
        path: upstreamTarget(attributes),
        headers: upstreamHeaders(attributes, headers.inert, contentType),
      },
      body,
      json,
    };
  },

  checkBody({ action }) {
    // With a body the API server ignores these in the query: `?dryRun=All` would look harmless and delete.
    if (action.verb !== 'delete' && action.verb !== 'deletecollection') return;
    const ignored = DELETE_OPTIONS.find((name) => Object.hasOwn(action.queryParameters, name));
    if (ignored === undefined) return;
    throw new ProblemError(
      'RequestAmbiguous',
      `Query parameter ${ignored}: the API server ignores it when a DELETE has a body; put it there.`,
      { field: ignored },
    );
  },

  guard: ({ ca }) => ({ kubernetes: { ca, serverName: SERVER_NAME } }),
};

/** The API server reads the bytes as the content type says, whatever Content-Encoding says (k8s.io/apiserver). */
function checkEncoding({ contentEncoding }: RequestHeaders): void {
  if (contentEncoding.length === 0) return;
  throw new ProblemError(
    'ContentEncodingRefused',
    'Header content-encoding: the API server takes no encoded body; send it as it is.',
    { field: 'content-encoding' },
  );
}

/** Fields of metav1.DeleteOptions that can come as query parameters. */
const DELETE_OPTIONS: readonly string[] = [
  'dryRun',
  'gracePeriodSeconds',
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'orphanDependents',
  'preconditions',
  'propagationPolicy',
];
