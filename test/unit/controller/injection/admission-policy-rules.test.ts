import { expect, test } from 'vitest';
import {
  ADMISSION_POLICY_RULES,
  type AdmissionPolicyRule,
  type RuleId,
  reasonOf,
} from '../../../../controller/injection/admission-policy-rules.ts';
import { restrictionFaults } from '../../../../controller/injection/restrictions.ts';
import type { PodSpec } from '../../../../controller/pods/pod.ts';
import { aContainer, aPod, injected } from '../../../support/pods.ts';

const rules = Object.entries<AdmissionPolicyRule>(ADMISSION_POLICY_RULES);

test.each(rules)('%s names a field without indices, and ends its sentences', (_id, rule) => {
  expect(rule.field).toMatch(/^[a-zA-Z]+(\.[a-zA-Z]+)*$/);
  expect(rule.advice).toMatch(/[^.]\.$/);
  expect(rule.adviceFor?.({ name: 'agent-0', namespace: 'soc' }) ?? rule.advice).toMatch(/\.$/);
});

test('an ephemeral container is refused with the command that debugs a copy of this pod', () => {
  const { adviceFor } = ADMISSION_POLICY_RULES['ephemeral-containers'];
  expect(adviceFor({ name: 'agent-0', namespace: 'soc' })).toContain(
    'kubectl debug agent-0 --namespace=soc --copy-to=agent-0-debug --share-processes=false --profile=restricted',
  );
});

test.for<[id: RuleId, spec: PodSpec]>([
  ['linux', { os: { name: 'windows' } }],
  ['host-aliases', { hostAliases: [{ ip: '10.0.0.1' }] }],
  ['hostname-override', { hostnameOverride: 'edr.example' }],
])('of one field, webhook and policy say the same: %s', ([id, spec]) => {
  const { spec: good } = injected(aPod({ containers: [aContainer()] }));
  const reasons = restrictionFaults({ spec: { ...good, ...spec } }).map(({ reason }) => reason);
  expect(reasons).toEqual([reasonOf(id)]);
  expect(`${reasonOf(id)}.`).toBe(ADMISSION_POLICY_RULES[id].advice);
});
