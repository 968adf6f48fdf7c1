import { ProblemError } from '../core/api/problem.ts';
import { isKubernetesError } from '../core/kubernetes/error.ts';

/** A failed call to the API server, as the sidecar is told of it. */
export function unavailable(error: unknown): unknown {
  if (!isKubernetesError(error)) return error;
  const silent = ['Unavailable', 'Ambiguous', 'Aborted'].includes(error.kind);
  return new ProblemError(
    'KubernetesUnavailable',
    silent
      ? 'The Kubernetes API server cannot be reached or does not answer; nothing was handed over. Try again.'
      : `The Kubernetes API server refused a request of the controller (${error.kind}); nothing was handed over. The controller's log has the reason.`,
    { cause: error },
  );
}
