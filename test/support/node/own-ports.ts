import { buildConnector } from 'undici';

/** Servers of a node listen below, node ports (Kubernetes) and those that the kernel chooses from are above. */
const FIRST = 20_000;
const LAST = 29_999;
let next = FIRST;

/**
 * Makes connections from ports that are chosen here: a test that left the node no port to choose can still speak to the
 * cluster and its pods. For one test file at a time.
 */
export function connectFromOwnPorts(
  options: buildConnector.BuildOptions = {},
): buildConnector.connector {
  return (target, callback) => {
    const localPort = next;
    next = next === LAST ? FIRST : next + 1;
    buildConnector({ ...options, localPort } as buildConnector.BuildOptions)(target, callback);
  };
}
