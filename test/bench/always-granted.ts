/** The sidecar's way of a call with an exchange that always says yes. */

import { randomUUID } from 'node:crypto';
import { Secret } from '../../core/text/secret.ts';
import { systemClock } from '../../core/time/clock.ts';
import type { UseAnswer } from '../../core/wire/use.ts';
import type { Logger } from '../../process/log.ts';
import { createRegistry } from '../../process/metrics.ts';
import { createCertificateAuthority } from '../../sidecar/certificates/certificate-authority.ts';
import { serviceAccountToken } from '../../sidecar/credential/service-account-token.ts';
import { createEarlierTries } from '../../sidecar/earlier-tries.ts';
import { createForwarder } from '../../sidecar/forward/forward.ts';
import { createResolver } from '../../sidecar/forward/resolve.ts';
import { handleCall } from '../../sidecar/handle-call.ts';
import { startInterceptor, type TransparentOptions } from '../../sidecar/intercept/interceptor.ts';
import { MemoryBudget } from '../../sidecar/intercept/memory-budget.ts';
import { createManifestAllowance } from '../../sidecar/manifest-allowance.ts';
import { createSidecarMetrics } from '../../sidecar/metrics.ts';
import { LiveSecrets } from '../../sidecar/scan/live-secrets.ts';
import { Turns } from '../../sidecar/turns.ts';
import { signedToken } from '../support/signed-tokens.ts';

export interface HarnessOptions {
  /** `host:port` → `127.0.0.1:port`. */
  readonly connectTo: readonly (readonly [string, string])[];
  /** PEM of the origin's CA. */
  readonly trust: string;
  /** Where a packet filter leads connections, if one does. */
  readonly transparent?: TransparentOptions;
  /** So many credentials of other calls are looked for in every answer. */
  readonly live?: number;
}

export interface HarnessReady {
  readonly port: number;
  /** PEM of the CA that the interceptor's certificates are of. */
  readonly caPem: string;
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
/** One grant for all, so that connections without a credential are kept as the sidecar keeps them. */
const GRANT = { namespace: 'bench', name: 'bench', uid: randomUUID() };

/** Starts it, on a port of its own and, if asked, for redirected connections. */
export async function startAlwaysGranted({
  connectTo,
  trust,
  transparent,
  live = 0,
}: HarnessOptions): Promise<HarnessReady> {
  const authority = createCertificateAuthority({ now: systemClock.now });
  const kubernetes = { authorities: ['kubernetes.default.svc:443'], server: '127.0.0.1:1', ca: '' };
  const secrets = new LiveSecrets();
  for (let n = 0; n < live; n++) {
    secrets.add(serviceAccountToken.secretTexts(new Secret(signedToken())));
  }
  const dependencies = {
    config: {
      podName: 'agent-0',
      agent: { namespace: 'bench', serviceAccountName: 'bench' },
      kubernetes,
    },
    describeContext: {
      kubernetes: { authorities: kubernetes.authorities },
      inertHeaders: new Set<string>(),
      searchDomains: [],
    },
    exchange: {
      use: ({ nonce }: { nonce: string }): Promise<UseAnswer> =>
        Promise.resolve({ nonce, grant: GRANT, bodyForm: 'None', timeoutMilliseconds: 30_000 }),
      finish: () => Promise.resolve({ phase: 'Finished' as const }),
      reportRefusals: () => Promise.resolve(),
      discovery: () => Promise.reject(new Error('there is none')),
      close: () => Promise.resolve(),
    },
    complete: () => Promise.resolve(true),
    createNonce: randomUUID,
    waitMilliseconds: 1_000,
    forwarder: createForwarder({
      clock: systemClock,
      secrets,
      resolver: createResolver({ connectTo: new Map(connectTo) }),
      trust: [trust],
    }),
    refusals: { report() {} },
    secrets,
    manifestsLogged: createManifestAllowance(systemClock),
    tries: createEarlierTries(systemClock),
    memory: new MemoryBudget(64 * 1024 * 1024),
    turns: new Turns(systemClock),
    clock: systemClock,
    metrics: createSidecarMetrics(createRegistry('bench')),
    log: silent,
  };
  const { address } = await startInterceptor(
    {
      listen: { host: '127.0.0.1', port: 0 },
      ...(transparent === undefined ? {} : { transparent }),
      authority,
      onEvent() {},
    },
    (call) => handleCall(dependencies, call),
  );
  return { port: address.port, caPem: authority.certificate };
}
