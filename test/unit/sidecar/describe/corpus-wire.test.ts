/** The attack corpus as raw bytes against the sidecar's front end: real TCP, TLS and HTTP parsers, then describe. */

import { isIP } from 'node:net';
import { afterAll, beforeAll, describe, type ExpectStatic, it } from 'vitest';
import { createCertificateAuthority } from '../../../../sidecar/certificates/certificate-authority.ts';
import { describeBody } from '../../../../sidecar/describe/body.ts';
import type { InterceptedCall } from '../../../../sidecar/intercept/call.ts';
import {
  type Interceptor,
  startInterceptor,
  type TransparentOptions,
} from '../../../../sidecar/intercept/interceptor.ts';
import { readBody } from '../../../../sidecar/intercept/read-body.ts';
import { type Case, loadCorpus } from '../../../attack/corpus.ts';
import { type Answer, type AttackedProxy, attackProxy, problemCode } from '../../../attack/wire.ts';
import { freePort } from '../../../support/ports.ts';
import { CONTEXT, describeHead } from './heads.ts';

/** Answers with what would be sent upstream; the interceptor answers what is thrown. */
async function describeCall({ head, body, bodyIsEmpty, respond }: InterceptedCall): Promise<void> {
  const described = describeHead(head, CONTEXT);
  if (described.kind === 'discovery') throw new Error('no case is about discovery');
  const read = bodyIsEmpty ? ({ kind: 'none' } as const) : await readBody(body, 1_000);
  describeBody(described, read.kind === 'whole' ? read.bytes : read.kind);
  respond.writeHead(200, [['content-type', 'application/json']]);
  await respond.end(JSON.stringify({ accepted: described.upstream.path }));
}

const authority = createCertificateAuthority({ now: Date.now });
const open: Interceptor[] = [];
let proxy: AttackedProxy;
/** By where the connections to it were going, as CONNECT would say it. */
const redirected = new Map<string, AttackedProxy>();

const CORPUS = loadCorpus();
/** What CONNECT has to say beside where to go has no counterpart in a connection. */
const REDIRECTED = CORPUS.filter(
  ({ connect, theme }) => theme !== 'connect-games' && /^[^:]+:[0-9]+$/.test(connect ?? ''),
);

async function start(transparent?: TransparentOptions): Promise<AttackedProxy> {
  const [own] = transparent?.listen ?? [];
  const interceptor = await startInterceptor(
    {
      listen: { host: '127.0.0.1', port: 0 },
      ...(transparent === undefined ? {} : { transparent }),
      authority,
      onEvent: () => {},
    },
    describeCall,
  );
  open.push(interceptor);
  return { port: own?.port ?? interceptor.address.port, ca: authority.certificate };
}

/** A front end for connections that were going there: to a name that was looked up, or to an address. */
async function startRedirected(target: string): Promise<AttackedProxy> {
  const [host = '', port = ''] = target.split(':');
  const synthetic = '198.18.0.1';
  return start({
    listen: [{ host: '127.0.0.1', port: await freePort() }],
    originalDestination: () => ({
      address: isIP(host) === 0 ? synthetic : host,
      port: Number(port),
    }),
    names: {
      isSynthetic: (address) => address === synthetic,
      nameOf: (address) => (address === synthetic ? host : undefined),
    },
  });
}

beforeAll(async () => {
  proxy = await start();
  for (const target of new Set(REDIRECTED.map(({ connect }) => connect ?? ''))) {
    redirected.set(target, await startRedirected(target));
  }
});

afterAll(() => Promise.all(open.map((interceptor) => interceptor.close())));

function judge({ body, count }: Answer, attack: Case, expect: ExpectStatic): void {
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
}

describe.concurrent('an attack on the front end', () => {
  it.for(CORPUS)('$theme: $name', async (attack, { expect }) => {
    judge(await attackProxy(proxy, attack), attack, expect);
  });
});

// Whatever way a call comes, it is judged alike.
describe.concurrent('the same attack on a redirected connection', () => {
  it.for(REDIRECTED)('$theme: $name', async (attack, { expect }) => {
    const front = redirected.get(attack.connect ?? '');
    if (front === undefined) throw new Error('no front end for this destination');
    judge(await attackProxy(front, attack, 'redirected'), attack, expect);
  });
});
