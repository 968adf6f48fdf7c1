import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ActionGrant, ActionGrantStatus } from '../../core/api/generated/actiongrant.ts';
import { ROOT } from '../../scripts/tools.ts';
import {
  aFinishedStatus,
  aKubernetesAction,
  aNewGrant,
  anApprovedStatus,
  anInUseStatus,
  aPendingStatus,
} from '../support/builders.ts';
import { installCrds } from '../support/crds.ts';
import { schemaNodes } from '../support/refusal.ts';
import { shareControlPlane } from '../support/shared.ts';

/* What people see of grants with plain kubectl: columns, selectors, explain. */

const plane = await shareControlPlane();
let namespace: string;

beforeAll(async () => {
  await installCrds(plane);
  namespace = await plane.createNamespace('crd-listing');
  await create('one', {}, [anApprovedStatus(), anInUseStatus(), aFinishedStatus('Unknown')]);
  await create(
    'two',
    { agent: { serviceAccountName: 'another-agent' }, action: aKubernetesAction() },
    [aPendingStatus({ summary: 'delete pods shop/checkout-0' })],
  );
});
afterAll(() => plane.disconnect());

async function create(
  name: string,
  spec: Partial<ActionGrant['spec']>,
  statuses: readonly ActionGrantStatus[],
): Promise<void> {
  const grants = `/apis/actiongrant.dev/v1alpha1/namespaces/${namespace}/actiongrants`;
  let grant = await plane.api<ActionGrant>(
    'POST',
    grants,
    aNewGrant({ metadata: { name }, spec: { requester: { username: `${name}@soc` }, ...spec } }),
  );
  for (const status of statuses) {
    grant = await plane.api('PUT', `${grants}/${name}/status`, { ...grant, status });
  }
}

async function kubectl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await plane.kubectl([...args, '-n', namespace]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

/** The rows of a listing, each with its cells; two spaces or more separate them. */
function cells(listing: string): string[][] {
  return listing
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/ {2,}/));
}

describe('kubectl get', () => {
  test('knows the category, which is no name of a resource', async () => {
    expect(await kubectl('get', 'agent-access', '-o', 'name')).toContain(
      'actiongrant.actiongrant.dev/one',
    );
    expect(await kubectl('get', 'actiongrant', 'one', '-o', 'name')).toBe(
      'actiongrant.actiongrant.dev/one\n',
    );
    const { names } = parse(readFileSync(join(ROOT, 'crds/actiongrants.yaml'), 'utf8')).spec;
    const own = [names.plural, names.singular, names.kind.toLowerCase(), ...names.shortNames];
    expect(names.categories.filter((category: string) => own.includes(category))).toEqual([]);
  });

  test('shows who may do what, and how it ended', async () => {
    const [header, one, two] = cells(await kubectl('get', 'ag'));
    expect(header).toEqual(['NAME', 'PHASE', 'AGENT', 'ACTION', 'OUTCOME', 'AGE']);
    expect(one).toEqual([
      'one',
      'Finished',
      'incident-agent',
      'POST edr.example.com/v1/hosts/host-7/quarantine',
      'Unknown',
      expect.stringMatching(/^[0-9]+s$/),
    ]);
    expect(two?.slice(0, 4)).toEqual([
      'two',
      'Pending',
      'another-agent',
      'delete pods shop/checkout-0',
    ]);
  });

  test('shows why, for whom and until when with -o wide', async () => {
    const [header, one] = cells(await kubectl('get', 'actiongrants', '-o', 'wide'));
    const wide = ['WHY', 'REQUESTER', 'APPROVALS', 'CREDENTIAL', 'EXPIRES'];
    expect(header?.slice(6)).toEqual(wide);
    expect(one?.slice(6)).toEqual([
      'alert 4711: beaconing from host-7',
      'one@soc',
      '1/1',
      'edr-quarantine',
      '2026-01-02T12:15:05Z',
    ]);
  });

  test('knows the category', async () => {
    expect(await kubectl('get', 'actiongrant', '-o', 'name')).toBe(
      'actiongrant.actiongrant.dev/one\nactiongrant.actiongrant.dev/two\n',
    );
  });

  test.for([
    ['spec.agent.serviceAccountName=incident-agent', 'one'],
    ['spec.action.type=Kubernetes', 'two'],
    ['spec.requester.username=two@soc', 'two'],
    ['status.phase=Finished', 'one'],
    ['status.outcome=Unknown', 'one'],
  ])('selects by %s', async ([selector = '', name]) => {
    const names = await kubectl('get', 'ag', '--field-selector', selector, '-o', 'name');
    expect(names).toBe(`actiongrant.actiongrant.dev/${name}\n`);
  });
});

describe('kubectl explain', () => {
  test('has a description for every field', async () => {
    const bare = schemaNodes()
      .filter(({ path, node }) => !/[.!)]$/.test(node.description ?? '') && path !== 'metadata')
      .map(({ path }) => path);
    expect(bare).toEqual([]);
  });

  test('knows every field that the schema has', async () => {
    const text = await kubectl('explain', 'actiongrants', '--recursive');
    const names = schemaNodes().map(({ path }) => path.split('.').at(-1)?.replace('[]', '') ?? '');
    const shown = new Set(text.match(/[A-Za-z0-9]+(?=\t)/g));
    expect(names.filter((name) => name !== '' && name !== '*' && !shown.has(name))).toEqual([]);
  });

  test('says units, defaults and the way out', async () => {
    const text = (await kubectl('explain', 'ag.spec.useDeadlineSeconds')).replace(/\s+/g, ' ');
    expect(text).toContain('Seconds from approval');
    expect(text).toContain('10 to 86400 (1 day); default 900');
    expect(text).toContain('create a new one to ask again');
  });
});

describe('the schema', () => {
  test('bounds every string, list and map', () => {
    const unbounded = schemaNodes().filter(({ node }) => {
      const { type, maxLength, maxItems, maxProperties, format, enum: words } = node;
      if (type === 'string') return maxLength === undefined && format !== 'date-time' && !words;
      if (type === 'array') return maxItems === undefined;
      return node.additionalProperties !== undefined && maxProperties === undefined;
    });
    const paths = unbounded.map(({ path }) => path);
    expect(paths).toEqual(['apiVersion', 'kind']);
  });

  test('gives every rule a message', () => {
    const silent = schemaNodes()
      .flatMap(({ node }) => node['x-kubernetes-validations'] ?? [])
      .filter(({ message = '' }) => message.length < 20);
    expect(silent).toEqual([]);
  });
});
