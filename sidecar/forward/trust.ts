/** Which CAs an upstream's certificate may be from. */

import { createSecureContext, type SecureContext } from 'node:tls';

/**
 * Secure contexts by the CAs they trust. Making one parses every CA, so each is made once.
 * @param trust PEMs of every CA trusted upstream; undefined: the system's
 * @returns the context that trusts the given CA alone, or, without one, the general context
 */
export function createTrust(trust: readonly string[] | undefined): (ca?: string) => SecureContext {
  const make = (ca: readonly string[] | undefined): SecureContext =>
    createSecureContext({ minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca: [...ca] }) });
  let general: SecureContext | undefined;
  let cluster: { ca: string; context: SecureContext } | undefined;
  return (ca) => {
    if (ca === undefined) {
      general ??= make(trust);
      return general;
    }
    // One cluster, whose CA changes seldom.
    if (cluster?.ca !== ca) cluster = { ca, context: make([ca]) };
    return cluster.context;
  };
}
