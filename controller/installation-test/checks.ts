/** What must work right after an installation, as pods and the API server see it. */

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { API_GROUP, API_VERSION } from '../../core/api/names.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { KubernetesObject, Resource } from '../../core/kubernetes/object.ts';
import { namespaces } from '../../core/kubernetes/resources.ts';
import { type LabelSelector, selects } from '../injection/label-selector.ts';
import { injectionFault } from '../injection/verify.ts';
import type { Pod, PodSpec } from '../pods/pod.ts';

const TIMEOUT_MILLISECONDS = 10_000;

/** A grant as it is created: the CRD's defaults and the webhook fill in the rest. */
interface NewGrant extends KubernetesObject {
  spec: {
    agent: object;
    action: object;
    justification: string;
    requester?: { username: string };
  };
}

const newGrants: Resource<NewGrant> = {
  group: API_GROUP,
  version: API_VERSION,
  resource: 'actiongrants',
  kind: 'ActionGrant',
  namespaced: true,
};

const newPods: Resource<Pod> = {
  group: '',
  version: 'v1',
  resource: 'pods',
  kind: 'Pod',
  namespaced: true,
};

/** An ordinary pod, with what quotas ask for and LimitRanges usually allow. Never stored: nothing of it is pulled or run. */
const POD_SPEC: PodSpec = {
  containers: [
    {
      name: 'helm-test',
      image: 'helm-test.invalid/never-pulled:0',
      resources: {
        requests: { cpu: '100m', memory: '128Mi' },
        limits: { cpu: '100m', memory: '128Mi' },
      },
    },
  ],
};

/** Approved by nobody, and never stored. */
const SPEC: NewGrant['spec'] = {
  agent: { serviceAccountName: 'helm-test' },
  action: { type: 'HTTP', http: { method: 'GET', url: 'https://helm-test.invalid/' } },
  justification: 'helm test: created as a dry run, never stored',
};

/**
 * That the controller's Service answers sidecars, with a certificate of the authority that is published to them.
 * @throws Error of the connection or of TLS
 */
export async function exchangeAnswers(controllerURL: string, ca: string): Promise<void> {
  const call = request(controllerURL, { ca, signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS) });
  call.end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  // Whatever it says to somebody without a token: it speaks HTTP over a connection that was verified.
  response.resume();
  await once(response, 'end');
}

/**
 * That the API server reaches both webhooks and takes a grant, with the CRD and the policies that are installed.
 * @throws KubernetesError, ProblemError
 */
export async function grantIsAdmitted(client: KubernetesClient, namespace: string): Promise<void> {
  const metadata = { namespace, generateName: 'helm-test-' };
  const { spec } = await client.create(newGrants, { metadata, spec: SPEC }, { dryRun: true });
  if (spec.requester === undefined) {
    throw new ProblemError(
      'KubernetesUnavailable',
      'The API server did not ask the webhook stamp-requester.actiongrant.dev. Is its configuration in place?',
    );
  }
}

/** The first of the namespaces whose pods are injected; undefined: none is labelled. @throws KubernetesError */
export async function firstInjectedNamespace(
  client: KubernetesClient,
  names: readonly string[],
  selector: LabelSelector,
): Promise<string | undefined> {
  for (const name of names) {
    const { metadata } = await client.get(namespaces, { name });
    if (selects(selector, metadata.labels ?? {})) return name;
  }
  return undefined;
}

/**
 * That an ordinary pod becomes an agent pod: the webhook is asked, and every policy admits what it makes of the pod.
 * @throws KubernetesError, ProblemError
 */
export async function podIsInjected(client: KubernetesClient, namespace: string): Promise<void> {
  const metadata = { namespace, generateName: 'helm-test-' };
  const pod = await client.create(newPods, { metadata, spec: POD_SPEC }, { dryRun: true });
  const fault = injectionFault(pod);
  if (fault !== undefined) {
    throw new ProblemError(
      'KubernetesUnavailable',
      `The API server returned the pod without injection (${fault}). Are the webhook inject-pod.actiongrant.dev and the policy actiongrant-pods in place?`,
    );
  }
}
