/** What helm says after an installation: how a namespace comes to be selected, whatever selects it, and what is open. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { ROOT } from '../../scripts/tools.ts';
import { helm } from '../support/chart.ts';

/** The notes, rendered without a cluster. */
function notes(values: object): Promise<string> {
  const chart = join(ROOT, 'charts/actiongrant');
  return helm(
    ['install', 'actiongrant', chart, '--dry-run=client', '--values=-'],
    stringify({ rbac: { agentNamespaces: ['soc'] }, ...values }),
  );
}

/** Their third step. */
async function labelStep(namespaceSelector?: object): Promise<string> {
  const said = await notes(
    namespaceSelector === undefined ? {} : { injection: { namespaceSelector } },
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

test.for<[what: string, networkPolicy: object, said: RegExp[], unsaid: RegExp[]]>([
  [
    'nothing',
    {},
    [/no NetworkPolicy of its own/, /in soc, which this\nrelease does not write/],
    [/WARNING/],
  ],
  [
    'who calls admission not said',
    { enabled: true },
    [/WARNING: networkPolicy\.admissionFrom is empty, .* lets everybody reach admission/],
    [/no NetworkPolicy/],
  ],
  [
    'the controller closed',
    { enabled: true, admissionFrom: [{ podSelector: {} }] },
    [/which this\nrelease does not write/],
    [/WARNING/, /no NetworkPolicy/],
  ],
  [
    'agents closed',
    { agents: { enabled: true } },
    [
      /boundary is a default-deny NetworkPolicy: actiongrant-agents/,
      /reach nothing that grants are for/,
    ],
    [/does not write/],
  ],
  [
    'agents opened as they need',
    { agents: { enabled: true, egress: [{ ports: [{ port: 443 }] }] } },
    [/if your network plugin enforces it\.\n/],
    [/reach nothing/],
  ],
])('what NetworkPolicies leave open is said: %s', async ([, networkPolicy, said, unsaid]) => {
  const text = await notes({ networkPolicy });
  for (const words of said) expect(text).toMatch(words);
  for (const words of unsaid) expect(text).not.toMatch(words);
});
