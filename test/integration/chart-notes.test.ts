/** What helm says after an installation: how a namespace comes to be selected, whatever selects it. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { ROOT } from '../../scripts/tools.ts';
import { helm } from '../support/chart.ts';

/** The third step of the notes, rendered without a cluster. */
async function labelStep(namespaceSelector?: object): Promise<string> {
  const chart = join(ROOT, 'charts/actiongrant');
  const values = {
    rbac: { agentNamespaces: ['soc'] },
    ...(namespaceSelector === undefined ? {} : { injection: { namespaceSelector } }),
  };
  const said = await helm(
    ['install', 'actiongrant', chart, '--dry-run=client', '--values=-'],
    stringify(values),
  );
  const [, step] = /^3\. (.*?)^ {3}Pods that run already/ms.exec(said) ?? [];
  if (step === undefined) throw new Error(`no third step in:\n${said}`);
  return step;
}

test('the label is set by a command', async () => {
  expect(await labelStep()).toContain(
    '\n     kubectl label namespace soc actiongrant.dev/inject=enabled\n',
  );
});

test('all labels that must be there together are set together', async () => {
  const matchLabels = { 'actiongrant.dev/inject': null, team: 'soc', stage: 'live' };
  expect(await labelStep({ matchLabels })).toContain(
    '\n     kubectl label namespace soc stage=live team=soc\n',
  );
});

test.for([
  {
    matchLabels: { 'actiongrant.dev/inject': 'enabled' },
    matchExpressions: [{ key: 'quiet', operator: 'DoesNotExist' }],
  },
  {
    matchLabels: null,
    matchExpressions: [{ key: 'stage', operator: 'In', values: ['live', 'trial'] }],
  },
])('a selector that asks for more than labels is shown: %j', async (selector) => {
  const step = await labelStep(selector);
  expect(step).not.toContain('kubectl');
  // Behind the sentence there are a comment and the YAML.
  expect({ matchLabels: null, ...parse(step.slice(step.indexOf('\n'))) }).toEqual(selector);
});
