import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  caBundlePatch,
  publish,
  readPublished,
} from '../../../../controller/certificates/publication.ts';
import type { KubernetesClient } from '../../../../core/kubernetes/client.ts';
import type { Live } from '../../../../core/kubernetes/object.ts';
import type { WebhookConfiguration } from '../../../../core/kubernetes/resources.ts';
import { StubApiServer } from '../../../support/stub-api-server.ts';
import { CONFIG_MAP, MUTATING, NAMESPACE, StoredObjects, VALIDATING } from './stored-objects.ts';

const encoded = (text: string) => Buffer.from(text).toString('base64');

describe('the patch of a webhook configuration', () => {
  const withBundles = (...bundles: (string | undefined)[]): Live<WebhookConfiguration> => ({
    metadata: { name: 'actiongrant', uid: 'u', resourceVersion: '7' },
    webhooks: bundles.map((bundle, i) => ({
      name: `w${i}`,
      clientConfig: bundle === undefined ? {} : { caBundle: encoded(bundle) },
    })),
  });
  const bundleAt = (index: number) => ({
    op: 'add',
    path: `/webhooks/${index}/clientConfig/caBundle`,
    value: encoded('NEW'),
  });
  const version = { op: 'replace', path: '/metadata/resourceVersion', value: '7' };

  test.for<[what: string, configuration: Live<WebhookConfiguration> | null, patch: unknown]>([
    ['is none where there is no configuration', null, null],
    ['is none where every bundle is right', withBundles('NEW', 'NEW'), null],
    ['sets bundles that are missing', withBundles(undefined), [version, bundleAt(0)]],
    ['sets bundles that differ, and no others', withBundles('NEW', 'OLD'), [version, bundleAt(1)]],
  ])('%s', ([_, configuration, patch]) => {
    expect(caBundlePatch(configuration, 'NEW')).toEqual(patch);
  });
});

describe('publishing', () => {
  let stub: StubApiServer;
  let objects: StoredObjects;
  let client: KubernetesClient;
  beforeEach(async () => {
    stub = await StubApiServer.start();
    objects = new StoredObjects(stub);
    client = await stub.client();
  });
  afterEach(() => stub[Symbol.asyncDispose]());

  const publishNow = async (bundle: string) =>
    publish(client, NAMESPACE, await readPublished(client, NAMESPACE), bundle);

  test('brings the bundle to sidecars and to every webhook', async () => {
    expect(await publishNow('A')).toBe(true);
    expect(objects.published()).toEqual(['A', 'A', 'A', 'A']);
  });

  test('replaces what is there, and writes nothing that is right', async () => {
    await publishNow('A');
    await publishNow('AB');
    expect(objects.published()).toEqual(['AB', 'AB', 'AB', 'AB']);
    const before = objects.writes.length;
    expect(await publishNow('AB')).toBe(true);
    expect(objects.writes).toHaveLength(before);
  });

  test('goes on while a configuration is missing', async () => {
    objects.delete(VALIDATING);
    expect(await publishNow('A')).toBe(true);
    expect(objects.published()).toEqual(['A', 'A', 'A']);
  });

  test.for<[what: string, path: string, change: 'put' | 'delete']>([
    ['a ConfigMap that somebody else made', CONFIG_MAP, 'put'],
    ['a configuration that somebody else changed', MUTATING, 'put'],
    ['a configuration that somebody else deleted', MUTATING, 'delete'],
  ])('over %s has to be decided again', async ([_, path, change]) => {
    const published = await readPublished(client, NAMESPACE);
    if (change === 'put') objects.put(path, objects.get(path) ?? { data: { 'ca.crt': 'B' } });
    else objects.delete(path);
    expect(await publish(client, NAMESPACE, published, 'A')).toBe(false);
  });
});
