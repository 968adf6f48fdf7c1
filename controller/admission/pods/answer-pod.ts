/** Reads what is to be known of a pod's namespace, and asks `injectPod`. */

import type { AdmissionAnswer, AdmissionRequest } from '../protocol/review.ts';
import { type InjectPodDependencies, injectPod } from './inject-pod.ts';
import type { NamespaceFacts } from './namespace-facts.ts';

/** @throws ProblemError RequestMalformed */
export async function answerPod(
  dependencies: InjectPodDependencies,
  facts: NamespaceFacts,
  request: AdmissionRequest,
): Promise<AdmissionAnswer> {
  const { namespace, object } = request;
  const known = {
    sidecarResources: facts.sidecarResources(namespace),
    limits: await facts.limits(namespace),
    otherWebhooks: [],
  };
  const answer = injectPod(dependencies, request, known);
  if (answer.allowed || answer.problem.code !== 'PodRefused') return answer;
  // Only a refusal names them, and only then they are read.
  const otherWebhooks = await facts.webhooksOfOthers(namespace, object);
  return injectPod(dependencies, request, { ...known, otherWebhooks });
}
