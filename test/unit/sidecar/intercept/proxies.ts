/** Proxies that last for one test. */

import { afterEach, expect } from 'vitest';
import type { CallHandler } from '../../../../sidecar/intercept/call.ts';
import type { InterceptorOptions } from '../../../../sidecar/intercept/interceptor.ts';
import type { InterceptLimits } from '../../../../sidecar/intercept/limits.ts';
import { eventually } from '../../../support/eventually.ts';
import { describeCall, startProxy, type TestProxy } from './clients.ts';

export type StartProxy = (
  handle?: CallHandler,
  options?: Partial<InterceptorOptions>,
) => Promise<TestProxy>;

/** To be asked for once by a test file: what starts proxies that are closed after each test. */
export function startsProxies(): StartProxy {
  const open: TestProxy[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((proxy) => proxy.close()));
  });
  return async (handle = describeCall, options = {}) => {
    const proxy = await startProxy(handle, options);
    open.push(proxy);
    return proxy;
  };
}

/** Calls wait in the handler until the gate is opened. */
export async function startGated(start: StartProxy, limits: Partial<InterceptLimits>) {
  const gate = Promise.withResolvers<void>();
  let waiting = 0;
  const handle: CallHandler = async (call) => {
    waiting += 1;
    await gate.promise;
    await describeCall(call);
  };
  const proxy = await start(handle, { limits });
  const untilWaiting = (count: number) => eventually(() => expect(waiting).toBe(count));
  return { proxy, untilWaiting, openGate: () => gate.resolve() };
}
