import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  injectedNamespaces,
  stillInjected,
} from '../../../../controller/uninstall/injected-namespaces.ts';
import { answer, StubApiServer } from '../../../support/stub-api-server.ts';

const RELEASE = { namespace: 'actiongrant-system', name: 'agents', revision: '7' };
const SELECTOR = { matchLabels: { 'actiongrant.dev/inject': 'enabled' } };

let stub: StubApiServer;
beforeEach(async () => {
  stub = await StubApiServer.start();
});
afterEach(() => stub[Symbol.asyncDispose]());

test('the namespaces that the webhook selects are found, in the order of their names', async () => {
  const labels = SELECTOR.matchLabels;
  const items = [
    { name: 'soc', labels },
    { name: 'shop', labels },
    { name: 'default' },
    { name: 'kube-system', labels },
    { name: RELEASE.namespace, labels },
    { name: 'ending', labels, deletionTimestamp: '2026-01-01T12:00:00Z' },
  ].map((metadata) => ({ metadata: { uid: 'u', resourceVersion: '1', ...metadata } }));
  stub.handler = (_request, response) =>
    answer(response, 200, { metadata: { resourceVersion: '9' }, items });
  const found = await injectedNamespaces(await stub.client(), RELEASE, SELECTOR);
  expect(found).toEqual(['shop', 'soc']);
});

describe('what the administrator is told of them', () => {
  const told = (selector: object) => stillInjected(['shop', 'soc'], RELEASE, selector);

  test.for<[what: string, selector: object, line: string]>([
    [
      'is the label to remove',
      SELECTOR,
      '  kubectl label namespace shop soc actiongrant.dev/inject-',
    ],
    [
      'is the first label of several',
      { matchLabels: { agents: 'yes', team: 'soc' } },
      '  kubectl label namespace shop soc agents-',
    ],
    [
      'is the selector, if it names no label',
      { matchExpressions: [{ key: 'quiet', operator: 'DoesNotExist' }] },
      'Then change the labels of the namespaces, so that this selector no longer selects them: {"matchExpressions":[{"key":"quiet","operator":"DoesNotExist"}]}',
    ],
  ])('%s', ([_, selector, line]) => {
    expect(told(selector)).toContain(line);
  });

  test('names them and both other ways out', () => {
    const lines = told(SELECTOR);
    expect(lines[0]).toBe(
      "ActionGrant is not uninstalled: agents' pods are still injected in shop, soc.",
    );
    expect(lines).toContain(
      '  kubectl -n actiongrant-system annotate deployment actiongrant-controller actiongrant.dev/force-uninstall=true',
    );
    expect(lines).toContain('  helm --namespace actiongrant-system rollback agents 7');
  });
});
