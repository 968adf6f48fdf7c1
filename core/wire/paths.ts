/** Where the controller's exchange serves what. */

export const USES_PATH = '/v1/uses';
/** Discovery documents of the API server, by query parameter `path`. */
export const DISCOVERY_PATH = '/v1/discovery';
/** What a sidecar refused, for Events on its pod. */
export const REFUSALS_PATH = '/v1/refusals';
