/** Names that both processes, the chart and the CRD agree on. */

/** API group and version of our custom resources. */
export const API_GROUP = 'actiongrant.dev';
export const API_VERSION = 'v1alpha1';

/** The controller's Deployment, Service, ServiceAccount and Lease, in the release's namespace. */
export const CONTROLLER_NAME = 'actiongrant-controller';

/** Audience of the pod-bound token with which a sidecar proves itself to the exchange. */
export const EXCHANGE_AUDIENCE = 'actiongrant.dev';

/** Type of the empty Secret whose existence keeps a credential alive. */
export const BOUND_SECRET_TYPE = 'actiongrant.dev/bound';

/** How often one grant may be tried: a use that ended NotDispatched is given back until then. */
export const MAX_ATTEMPTS = 3;

/** Largest request body, in bytes, that is read whole to be compared; a larger one matches only `Any`. */
export const BODY_LIMIT_BYTES = 1024 * 1024;

/** Seconds that a minted token lives at most: the API server's minimum. A credential ends much earlier, with its Secret. */
export const CREDENTIAL_SECONDS = 600;

/** What the name of every such Secret begins with: the controller may mint tokens for no other. */
export const BOUND_SECRET_PREFIX = 'ag-';

/**
 * Name of the Secret of a grant's attempt. `suffix` is random: a name that is already taken (by a crashed try or by
 * somebody else) is never adopted, and must not block the grant either.
 */
export function boundSecretName(grantUID: string, attempt: number, suffix: string): string {
  return `${BOUND_SECRET_PREFIX}${grantUID}-${attempt}-${suffix}`;
}

/** The API server's Service in every cluster: names it is reached under and has in its certificate. */
export const API_SERVER_NAMES = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
] as const;

/** The same in every spelling that DNS search paths and cluster domains allow. The CRD refuses it as an audience. */
export const API_SERVER_NAME = /^kubernetes(?:\.default(?:\.svc(?:\..*)?)?)?$/;

/** Audiences of the API server in every cluster whose `--api-audiences` and issuer are the usual ones. */
export const API_SERVER_AUDIENCES = [
  'https://kubernetes.default.svc',
  'https://kubernetes.default.svc.cluster.local',
] as const;

/** Annotation of a Namespace: the namespaces, comma-separated, whose grants its agents accept. */
export const ACCEPTS_GRANTS_ANNOTATION = 'actiongrant.dev/accepts-grants-from';

/** Annotation of a Namespace: resources of its sidecars, as JSON with `requests` and `limits`, instead of the release's. */
export const SIDECAR_RESOURCES_ANNOTATION = 'actiongrant.dev/sidecar-resources';
