/** The attack corpus as raw bytes against the sidecar's front end: real TCP, TLS and HTTP parsers, then describe. */

import { afterAll, beforeAll, describe, it } from 'vitest';
import { describeBody } from '../../../../sidecar/describe/body.ts';
import { describeHead } from '../../../../sidecar/describe/describe.ts';
import type { InterceptedCall } from '../../../../sidecar/intercept/call.ts';
import { createCertificateAuthority } from '../../../../sidecar/intercept/certificate-authority.ts';
import { type Interceptor, startInterceptor } from '../../../../sidecar/intercept/interceptor.ts';
import { readBody } from '../../../../sidecar/read-body.ts';
import { loadCorpus } from '../../../attack/corpus.ts';
import { type AttackedProxy, attackProxy, problemCode } from '../../../attack/wire.ts';
import { CONTEXT } from './heads.ts';

/** Answers with what would be sent upstream; the interceptor answers what is thrown. */
async function describeCall({ head, body, bodyIsEmpty, respond }: InterceptedCall): Promise<void> {
  const described = describeHead(head, CONTEXT);
  if (described.kind === 'discovery') throw new Error('no case is about discovery');
  const read = bodyIsEmpty ? ({ kind: 'none' } as const) : await readBody(body, 1_000);
  describeBody(described, read.kind === 'whole' ? read.bytes : read.kind);
  respond.writeHead(200, [['content-type', 'application/json']]);
  await respond.end(JSON.stringify({ accepted: described.upstream.path }));
}

let interceptor: Interceptor;
let proxy: AttackedProxy;

beforeAll(async () => {
  const authority = createCertificateAuthority({ now: Date.now });
  interceptor = await startInterceptor(
    { listen: { host: '127.0.0.1', port: 0 }, authority, report: () => {} },
    describeCall,
  );
  proxy = { port: interceptor.address.port, ca: authority.certificate };
});

afterAll(() => interceptor.close());

describe.concurrent('an attack on the front end', () => {
  it.for(loadCorpus())('$theme: $name', async (attack, { expect }) => {
    const { body, count } = await attackProxy(proxy, attack);
    if (attack.by === 'forward') {
      expect(body).toHaveProperty('accepted');
    } else if ('accepted' in attack.expected) {
      expect(body).toEqual(attack.expected);
    } else if (body === null) {
      // A stream that is reset, or a HEAD, whose answer has no body to say why.
      expect(attack.request.version === 2 ? attack.by : 'head').not.toBe('describe');
    } else {
      expect(problemCode(body)).toBe(attack.expected.refused);
    }
    expect(count).toBeLessThanOrEqual(1);
  });
});
