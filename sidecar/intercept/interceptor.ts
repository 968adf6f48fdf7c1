/** The sidecar's front ends: they accept clients' connections, end their TLS and yield their calls. */

import type { CertificateAuthority } from '../certificates/certificate-authority.ts';
import { Admission } from './admission.ts';
import type { CallHandler } from './call.ts';
import { CallServer } from './call-server.ts';
import { createConnectionServer } from './connection-server.ts';
import type { InterceptObserver } from './event.ts';
import { acceptProxyClient } from './explicit-proxy.ts';
import type { FrontEnd } from './front-end.ts';
import { HeadBudget } from './head-budget.ts';
import { DEFAULT_INTERCEPT_LIMITS, type InterceptLimits } from './limits.ts';
import { type ListenAddress, type Listener, startListeners } from './listeners.ts';
import type { OriginalDestination } from './original-destination.ts';
import { acceptRedirected, type SyntheticNames } from './transparent.ts';

/** The front end for connections that the packet filter redirects. */
export interface TransparentOptions {
  listen: readonly ListenAddress[];
  names: SyntheticNames;
  originalDestination: OriginalDestination;
}

export interface InterceptorOptions {
  /** The front end for clients that know of the proxy. */
  listen: ListenAddress;
  transparent?: TransparentOptions;
  authority: CertificateAuthority;
  limits?: Partial<InterceptLimits>;
  onEvent: InterceptObserver;
}

export interface Interceptor {
  /** Of the explicit proxy. */
  readonly address: ListenAddress;
  /** Stops listening, lets calls in flight end for so long, then cuts them. */
  close(graceMilliseconds?: number): Promise<void>;
}

/** @throws Error if an address cannot be listened on; then none is */
export async function startInterceptor(
  options: InterceptorOptions,
  handle: CallHandler,
): Promise<Interceptor> {
  const { authority, onEvent } = options;
  const limits = { ...DEFAULT_INTERCEPT_LIMITS, ...options.limits };
  const admission = new Admission(limits, onEvent);
  const server = createConnectionServer({
    authority,
    limits,
    heads: new HeadBudget(limits.headsBytes),
    calls: new CallServer(handle, limits, onEvent),
    onEvent,
  });
  const frontEnd = { admission, server, onEvent };
  const listeners = await startListeners([
    { address: options.listen, accept: (raw) => acceptProxyClient(frontEnd, raw) },
    ...transparentListeners(options.transparent, frontEnd, limits),
  ]);
  const [address = options.listen] = listeners.addresses;

  return {
    address,
    async close(graceMilliseconds = 0) {
      const closed = listeners.close();
      admission.closeWhenIdle();
      const cut = setTimeout(() => admission.cut(), graceMilliseconds);
      await closed;
      clearTimeout(cut);
    },
  };
}

function transparentListeners(
  transparent: TransparentOptions | undefined,
  frontEnd: FrontEnd,
  { silenceMilliseconds }: InterceptLimits,
): Listener[] {
  if (transparent === undefined) return [];
  const { listen, names, originalDestination } = transparent;
  const redirected = { ...frontEnd, names, originalDestination, silenceMilliseconds };
  return listen.map((address) => ({
    address,
    accept: (raw) => acceptRedirected(redirected, raw),
  }));
}
