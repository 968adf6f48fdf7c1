/** Asks the virtual resources. Whatever became of such a question, it changes nothing that anybody can use. */

import { isRecord } from '../text/json.ts';
import type { CallOptions, KubernetesClient } from './client.ts';
import { KubernetesError } from './error.ts';
import { apiVersionOf, type KubernetesObject, type Resource } from './object.ts';
import { creationPath, objectPath } from './paths.ts';
import { serviceAccounts } from './resources.ts';
import type { Send } from './sender.ts';

const TOKEN_REQUEST = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' };

const tokenReviews: Resource = {
  group: 'authentication.k8s.io',
  version: 'v1',
  resource: 'tokenreviews',
  kind: 'TokenReview',
  namespaced: false,
};

const subjectAccessReviews: Resource = {
  group: 'authorization.k8s.io',
  version: 'v1',
  resource: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
};

type ReviewCalls = Pick<KubernetesClient, 'tokenRequest' | 'tokenReview' | 'subjectAccessReview'>;

export function createReviewCalls(send: Send): ReviewCalls {
  /** @returns the status */
  const ask = async (
    path: string,
    { apiVersion, kind }: Required<Pick<KubernetesObject, 'apiVersion' | 'kind'>>,
    spec: unknown,
    options: CallOptions,
  ): Promise<Record<string, unknown>> => {
    const body = { apiVersion, kind, spec };
    const { status } = await send('None', { method: 'POST', path, body }, options);
    if (isRecord(status)) return status;
    throw new KubernetesError('Malformed', `a ${kind} was answered without a status`);
  };
  const review = (
    resource: Resource,
    spec: unknown,
    options: CallOptions,
  ): Promise<Record<string, unknown>> => {
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    return ask(creationPath(resource, undefined), type, spec, options);
  };

  return {
    async tokenRequest(serviceAccount, spec, options = {}) {
      const path = objectPath(serviceAccounts, serviceAccount, 'token');
      const { token, expirationTimestamp } = await ask(path, TOKEN_REQUEST, spec, options);
      if (typeof token !== 'string' || typeof expirationTimestamp !== 'string') {
        throw new KubernetesError('Malformed', 'a TokenRequest was answered without a token');
      }
      return { token, expirationTimestamp };
    },
    tokenReview: (spec, options = {}) => review(tokenReviews, spec, options),
    async subjectAccessReview(spec, options = {}) {
      const status = await review(subjectAccessReviews, spec, options);
      return { ...status, allowed: status['allowed'] === true };
    },
  };
}
