/** The serving certificate of this replica: issued when it is due, and given to every server that uses it. */

import type { Server } from 'node:https';
import { ProblemError } from '../../core/api/problem.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../process/log.ts';
import { issueServing, type KeyPair } from './authority.ts';
import { servingIsDue } from './plan.ts';

export interface ServingCertificateOptions {
  /** DNS names and IP addresses this replica is reached by. */
  names: readonly string[];
  clock: Clock;
  log: Logger;
}

/** What is in force. */
interface InForce {
  certificate: KeyPair;
  authority: KeyPair;
  bundle: string;
}

export interface ServingCertificate {
  /** Takes what replicas agree on, and issues a certificate if one is due. */
  renew(active: KeyPair, bundle: string): Promise<void>;
  /** Gives the server its certificate now and at every renewal, without interrupting connections. */
  attach(server: Server): void;
  /** @throws ProblemError NotReady before the first renewal */
  required(): InForce;
  /** Whether the certificate in force is good now. */
  isReady(): boolean;
  /** When what is in force ends, in ms since the epoch. */
  expirations(): { name: 'authority' | 'serving'; notAfter: number }[];
}

export function createServingCertificate({
  names,
  clock,
  log,
}: ServingCertificateOptions): ServingCertificate {
  const servers: Server[] = [];
  let inForce: InForce | null = null;

  const required = (): InForce => {
    if (inForce === null) {
      throw new ProblemError('NotReady', 'There is no serving certificate yet.');
    }
    return inForce;
  };

  return {
    async renew(active, bundle) {
      const now = clock.now();
      if (inForce !== null && !servingIsDue(inForce, active, now)) {
        inForce = { ...inForce, bundle };
        return;
      }
      const certificate = await issueServing(active, names, now);
      inForce = { certificate, authority: active, bundle };
      for (const server of servers) server.setSecureContext(secureContext(certificate));
      log.info('a serving certificate was issued', {
        notAfter: new Date(certificate.notAfter).toISOString(),
      });
    },
    attach(server) {
      servers.push(server);
      server.setSecureContext(secureContext(required().certificate));
    },
    required,
    isReady: () => inForce !== null && clock.now() < inForce.certificate.notAfter,
    expirations: () =>
      inForce === null
        ? []
        : [
            { name: 'authority', notAfter: inForce.authority.notAfter },
            { name: 'serving', notAfter: inForce.certificate.notAfter },
          ],
  };
}

function secureContext(certificate: KeyPair): { cert: string; key: string; minVersion: 'TLSv1.3' } {
  return { cert: certificate.pem, key: certificate.key.reveal(), minVersion: 'TLSv1.3' };
}
