/** The attack corpus as raw bytes against a sidecar process, with a controller and a real API server behind it. */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { formatUrl, parseUrl } from '../../core/text/url.ts';
import { aGrantSpec, aNewGrant, withoutCredential } from '../support/builders.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { grantsPath, untilPhase } from '../support/grants.ts';
import { type SharedProduct, shareProduct } from '../support/shared.ts';
import { type Case, loadCorpus } from './corpus.ts';
import { type AttackedProxy, attackProxy, problemCode } from './wire.ts';

const SERVICE_ACCOUNT = 'incident-agent';
const CORPUS = loadCorpus();

let plane: ControlPlane;
let product: SharedProduct;
let namespace: string;
let proxy: AttackedProxy;

beforeAll(async () => {
  product = await shareProduct();
  ({ plane, namespace } = product);
  const sidecar = await product.startSidecar({
    namespace,
    serviceAccountName: SERVICE_ACCOUNT,
    environment: { ACTIONGRANT_KUBERNETES_AUTHORITIES: '127.0.0.1:6443' },
  });
  proxy = { port: sidecar.port, ca: readFileSync(sidecar.caFile, 'utf8') };
});

afterAll(() => product?.stop());

/** A grant for exactly what a case asks for, so that only the destination is left to refuse. */
async function grantFor({ request }: Case): Promise<void> {
  if (request.version !== 1) throw new Error('only HTTP/1 cases have a target to resolve');
  const [method = '', target = ''] = request.bytes.toString('latin1').split(' ');
  const grant = await plane.api<ActionGrant>('POST', grantsPath(namespace), {
    ...aNewGrant(),
    spec: withoutCredential(
      aGrantSpec({
        agent: { serviceAccountName: SERVICE_ACCOUNT },
        action: { type: 'HTTP', http: { method, url: formatUrl(parseUrl(target, 'target')) } },
        approvedByRequester: true,
      }),
    ),
  });
  await untilPhase(plane, grant, 'Approved');
}

// At the same time: each of them waits for an answer that must not come.
describe.concurrent('an attack on the sidecar', () => {
  it.each(CORPUS.filter(({ by }) => by !== 'forward'))('$theme: $name', async (attack) => {
    const { body, count } = await attackProxy(proxy, attack);
    const code = problemCode(body);
    // What is in order still has no grant.
    const expected = 'refused' in attack.expected ? attack.expected.refused : 'GrantRequired';
    // A parser closes, or resets the stream; the answer to a HEAD has no body to say why.
    const codeless = attack.by === 'parser' || attack.name === 'a HEAD with a body';
    if (code !== null || !codeless) expect(code).toBe(expected);
    expect(body === null || code !== null).toBe(true);
    expect(count).toBeLessThanOrEqual(1);
  });
});

// After those: their grants are for calls that must have none there.
describe('an attack on the forwarder', () => {
  it.each(CORPUS.filter(({ by }) => by === 'forward'))(
    '$theme: $name is refused even with a grant',
    async (attack) => {
      await grantFor(attack);
      const { body } = await attackProxy(proxy, attack);
      expect({ refused: problemCode(body) }).toEqual(attack.expected);
    },
  );

  it('has not ended the sidecar', () => {
    expect(product.sidecars[0]?.process.running).toBe(true);
  });
});
