/** What the pre-delete hook does with each answer of the API server, in order, and what it says. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Retry } from '../../../../controller/jobs/retry.ts';
import { prepareUninstall } from '../../../../controller/uninstall/uninstall.ts';
import type { ActionGrant } from '../../../../core/api/generated/actiongrant.ts';
import { aGrant } from '../../../support/builders.ts';
import { answer, StubApiServer, status } from '../../../support/stub-api-server.ts';

const LABELS = { 'actiongrant.dev/inject': 'enabled' };
const GRANTS = '/apis/actiongrant.dev/v1alpha1/actiongrants';
const DEPLOYMENT = '/apis/apps/v1/namespaces/actiongrant-system/deployments/actiongrant-controller';

let stub: StubApiServer;
/** What the API server holds. */
let labelled: string[];
let annotations: Record<string, string>;
let grants: ActionGrant[];
/** Paths whose next request is refused with a status code. */
let refused: Map<string, number>;
let output: string[];

beforeEach(async () => {
  stub = await StubApiServer.start();
  labelled = [];
  annotations = {};
  grants = [];
  refused = new Map();
  output = [];
  stub.handler = ({ method, path, query }, response) => {
    const code = refused.get(path);
    if (code !== undefined) return answer(response, code, status(code, 'any'));
    if (path === '/api/v1/namespaces')
      return answer(response, 200, listOf(labelled.map(namespace)));
    if (path === DEPLOYMENT) return answer(response, 200, { metadata: { uid: 'd', annotations } });
    if (path === GRANTS) {
      const phase = query.get('fieldSelector')?.replace('status.phase=', '');
      const found = grants.filter((grant) => grant.status?.phase === phase);
      return answer(response, 200, listOf(found));
    }
    if (method === 'DELETE') return answer(response, 200, { kind: 'Status', status: 'Success' });
    return answer(response, 404, status(404, 'NotFound'));
  };
});
afterEach(() => stub[Symbol.asyncDispose]());

const listOf = (items: readonly unknown[]) => ({ metadata: { resourceVersion: '9' }, items });
const namespace = (name: string) => ({
  metadata: { name, uid: name, resourceVersion: '1', labels: LABELS },
});
const approved = (name: string): ActionGrant =>
  aGrant({
    metadata: { name },
    status: {
      phase: 'Approved',
      credential: { secretName: `${name}-1`, secretUID: `${name}-s`, serviceAccountUID: 'a' },
    } as NonNullable<ActionGrant['status']>,
  });
const secretOf = (name: string) => `/api/v1/namespaces/soc/secrets/${name}-1`;
const grantAt = (name: string) =>
  `/apis/actiongrant.dev/v1alpha1/namespaces/soc/actiongrants/${name}`;

const once: Retry = (step) => step();
/** Tries again as often as a step fails, without waiting. */
const again: Retry = (step) => step().catch(() => again(step));

const prepare = async (retry: Retry = once) =>
  prepareUninstall({
    client: await stub.client(),
    release: { namespace: 'actiongrant-system', name: 'actiongrant', revision: '7' },
    injectionSelector: { matchLabels: LABELS },
    retry,
    output: (line) => output.push(line),
  });
const deletions = () =>
  stub.requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path);

describe('a release whose agents are gone', () => {
  test('may be deleted once every live grant is revoked, Secret first', async () => {
    grants = [approved('one'), approved('two')];
    expect(await prepare()).toBe(true);
    expect(deletions()).toEqual([secretOf('one'), grantAt('one'), secretOf('two'), grantAt('two')]);
    expect(output).toEqual(['Grants revoked: 2.']);
  });

  test('may be deleted where the CRD is gone already', async () => {
    refused.set(GRANTS, 404);
    expect(await prepare()).toBe(true);
    expect(output).toEqual(['Grants revoked: 0.']);
  });
});

describe('a release whose pods are still injected', () => {
  beforeEach(() => {
    labelled = ['soc'];
    grants = [approved('one')];
  });

  test('is kept, and nothing is revoked', async () => {
    expect(await prepare()).toBe(false);
    expect(deletions()).toEqual([]);
    expect(output[0]).toContain("agents' pods are still injected in soc.");
  });

  test('may be deleted when its Deployment is annotated', async () => {
    annotations = { 'actiongrant.dev/force-uninstall': 'true' };
    expect(await prepare()).toBe(true);
    expect(output).toEqual([
      'ActionGrant is uninstalled although these namespaces are labelled: soc.',
      'Grants revoked: 1.',
    ]);
  });

  test.each([
    ['another annotation', { 'actiongrant.dev/force-uninstall': 'yes' }, undefined],
    ['no Deployment', {}, 404],
  ])('is kept with %s', async (_, value, code) => {
    annotations = value;
    if (code !== undefined) refused.set(DEPLOYMENT, code);
    expect(await prepare()).toBe(false);
  });
});

describe('a grant that cannot be revoked', () => {
  beforeEach(() => {
    grants = [approved('one'), approved('two')];
  });

  test('keeps the release and is named, and the others are revoked', async () => {
    refused.set(secretOf('one'), 403);
    expect(await prepare()).toBe(false);
    expect(deletions()).toContain(grantAt('two'));
    expect(deletions()).not.toContain(grantAt('one'));
    expect(output.slice(0, 3)).toEqual([
      'Grants revoked: 1.',
      'ActionGrant is not uninstalled. These grants are live and could not be revoked:',
      '  soc/one: Forbidden: it is any',
    ]);
  });

  test('is asked again while time may mend it, and every grant counts once', async () => {
    refused.set(secretOf('one'), 429);
    const tried: Retry = async (step) => {
      try {
        return await step();
      } catch {
        refused.clear();
        return again(step);
      }
    };
    expect(await prepare(tried)).toBe(true);
    expect(output).toEqual(['Grants revoked: 2.']);
  });
});

describe('what cannot be found out is an error that names it', () => {
  test.each([
    ['namespaces could not be listed', '/api/v1/namespaces'],
    ['the annotation of deployment actiongrant-controller could not be read', DEPLOYMENT],
    ['live grants could not be revoked', GRANTS],
  ])('%s', async (message, path) => {
    labelled = path === DEPLOYMENT ? ['soc'] : [];
    refused.set(path, 403);
    await expect(prepare()).rejects.toThrow(`${message} (Forbidden: it is any)`);
  });
});
