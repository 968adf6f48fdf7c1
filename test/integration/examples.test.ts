/** docs/examples as a reader would use them: created with kubectl on a cluster that has the chart and a controller. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { EXAMPLE_FILES, EXAMPLES, examplesOf } from '../support/examples.ts';
import { type SharedProduct, shareProduct } from '../support/shared.ts';

const isGrant = (file: string): boolean => examplesOf(file)[0]?.kind === 'ActionGrant';

let plane: ControlPlane;
let product: SharedProduct;

beforeAll(async () => {
  // Its agents' namespaces are those that the examples name.
  product = await shareProduct();
  ({ plane } = product);
  for (const { metadata, spec } of EXAMPLE_FILES.filter(isGrant).flatMap(grantsOf)) {
    const account = spec.credential?.serviceAccountToken?.serviceAccountName ?? '';
    const path = `/api/v1/namespaces/${metadata.namespace}/serviceaccounts`;
    // secret-reader.yaml brings its own; a second answer "already exists" is as good.
    await plane.request('POST', path, named(account));
  }
});
afterAll(async () => {
  await product?.stop();
});

describe('a grant', () => {
  test.each(EXAMPLE_FILES.filter(isGrant))('%s becomes usable', async (file) => {
    const created = await kubectl(['create', '-f', join(EXAMPLES, file), '-o', 'name']);
    const namespace = grantsOf(file)[0]?.metadata.namespace ?? '';
    const name = created.trim();
    await kubectl(['-n', namespace, 'wait', '--for=condition=Ready', '--timeout=20s', name]);
  });
});

describe('everything else', () => {
  test.each(EXAMPLE_FILES.filter((file) => !isGrant(file)))('%s is accepted', async (file) => {
    await kubectl(['apply', '-f', join(EXAMPLES, file)]);
  });
});

describe('the roles', () => {
  const grant = join(EXAMPLES, 'quarantine-host-7.yaml');

  test('let alice create, approve and revoke the grant, and nobody without them', async () => {
    for (const file of ['decider.yaml', 'revoker.yaml']) {
      await kubectl(['apply', '-f', join(EXAMPLES, file)]);
    }
    const [alice, bob] = await Promise.all([
      plane.kubeconfigFor({ user: 'alice' }),
      plane.kubeconfigFor({ user: 'bob' }),
    ]);
    expect((await plane.kubectl(['create', '-f', grant], { as: bob })).stderr).toContain(
      'Forbidden',
    );
    const created = await plane.kubectl(['create', '-f', grant, '-o', 'name'], { as: alice });
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const deletion = ['-n', 'soc', 'delete', created.stdout.trim()];
    expect((await plane.kubectl(deletion, { as: bob })).stderr).toContain('Forbidden');
    expect(await plane.kubectl(deletion, { as: alice })).toMatchObject({ code: 0 });
  });

  test('let alice lend no other account', async () => {
    const other = readFileSync(grant, 'utf8').replace('edr-quarantine,', 'default,');
    const as = await plane.kubeconfigFor({ user: 'alice' });
    const { stderr } = await plane.kubectl(['create', '-f', '-'], { as, input: other });
    expect(stderr).toContain('alice may not delegate the ServiceAccount soc/default');
  });
});

function grantsOf(file: string): ActionGrant[] {
  return examplesOf(file) as unknown as ActionGrant[];
}

function named(name: string): object {
  return { metadata: { name } };
}

async function kubectl(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await plane.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}
