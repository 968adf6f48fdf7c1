import { expect, it } from 'vitest';
import { createRegistry } from '../../../process/metrics.ts';
import type { RefusedCall } from '../../../sidecar/exchange/report-refusals.ts';
import type { InterceptEvent } from '../../../sidecar/intercept/event.ts';
import { createSidecarMetrics } from '../../../sidecar/metrics.ts';
import { createInterceptionObserver } from '../../../sidecar/observe-interception.ts';

const DESTINATION = { name: 'git.example.com', port: 22 };

/** What an event is told as: the refusal, its count in the metrics, and the level of its line in the log. */
async function told(event: InterceptEvent) {
  const registry = createRegistry('test');
  const reported: RefusedCall[] = [];
  const levels: string[] = [];
  const at = (level: string) => () => void levels.push(level);
  createInterceptionObserver({
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    metrics: createSidecarMetrics(registry),
    refusals: { report: (refused) => void reported.push(refused) },
  })(event);
  const text = await registry.metrics();
  const counted = [...text.matchAll(/^actiongrant_sidecar_refusals_total\{code="(\w+)"\} 1$/gm)];
  return { reported, counted: counted.map(([, code]) => code), levels };
}

it.each<[string, InterceptEvent, RefusedCall]>([
  [
    'another protocol',
    { type: 'ProtocolRefused', protocol: 'SSH', destination: DESTINATION },
    { code: 'ProtocolRefused', attempted: 'SSH to git.example.com:22' },
  ],
  [
    'what is almost HTTP',
    { type: 'ParseFailed', code: 'HPE_INVALID_METHOD', destination: DESTINATION },
    { code: 'RequestMalformed', attempted: 'malformed HTTP to git.example.com:22' },
  ],
  [
    'a client that trusts another CA',
    { type: 'TLSFailed', code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', destination: DESTINATION },
    { code: 'ProtocolRefused', attempted: 'TLS to git.example.com:22, given up by the client' },
  ],
])('%s on a redirected connection is reported', async (_, event, refused) => {
  expect(await told(event)).toEqual({
    reported: [refused],
    counted: [refused.code],
    levels: ['info'],
  });
});

it.each<[string, InterceptEvent, string]>([
  ['a fault of ours', { type: 'HandlerFailed', error: new Error('x') }, 'error'],
  ['a proxy client', { type: 'ParseFailed', code: 'HPE_INVALID_METHOD' }, 'info'],
  ['a proxy client with another CA', { type: 'TLSFailed', code: 'X_ALERT_Y' }, 'info'],
  [
    'a client that hung up',
    { type: 'TLSFailed', code: 'ECONNRESET', destination: DESTINATION },
    'info',
  ],
  ['too many connections', { type: 'ConnectionRefused', reason: 'TooManyConnections' }, 'info'],
])('%s is for the log alone', async (_, event, level) => {
  expect(await told(event)).toEqual({ reported: [], counted: [], levels: [level] });
});
