import { describe, expect, test } from 'vitest';
import { PROFILE_RULES } from '../../../../controller/injection/profile-rules.ts';
import { faultsOf } from '../../../../controller/injection/rule.ts';
import type { InheritedSecurityContext } from '../../../../controller/pods/pod.ts';
import { aContainer, aPod, refusedFields } from '../../../support/pods.ts';

const BROKEN: readonly [field: string, context: InheritedSecurityContext][] = [
  ['seccompProfile.type', { seccompProfile: { type: 'Unconfined' } }],
  ['appArmorProfile.type', { appArmorProfile: { type: 'Unconfined' } }],
  ['seLinuxOptions.user', { seLinuxOptions: { user: 'system_u' } }],
  ['seLinuxOptions.role', { seLinuxOptions: { role: 'r' } }],
  ['seLinuxOptions.type', { seLinuxOptions: { type: 'spc_t' } }],
];

const fieldsOf = (context: InheritedSecurityContext): string[] =>
  faultsOf(PROFILE_RULES, context, (field) => field).map(({ field }) => field);

describe('a profile that is wider than the usual', () => {
  test.for(BROKEN)('is refused: %s', ([field, context]) => {
    expect(fieldsOf(context)).toEqual([field]);
  });

  test.for(BROKEN)(
    'is refused of a container, where the pod says nothing: %s',
    ([field, context]) => {
      const pod = aPod({ containers: [aContainer({ securityContext: context })] });
      expect(refusedFields(pod)).toEqual([`spec.containers[0].securityContext.${field}`]);
    },
  );

  test.for(BROKEN)(
    'is refused of the pod, though its container says otherwise: %s',
    ([field, context]) => {
      const own: InheritedSecurityContext = {
        seccompProfile: { type: 'RuntimeDefault' },
        appArmorProfile: { type: 'RuntimeDefault' },
        seLinuxOptions: { type: 'container_t' },
      };
      const pod = aPod({
        securityContext: context,
        containers: [aContainer({ securityContext: own })],
      });
      expect(refusedFields(pod)).toEqual([`spec.securityContext.${field}`]);
    },
  );

  test('is each that a rule is about', () => {
    const unbroken = PROFILE_RULES.filter(
      (rule) => !BROKEN.some(([, context]) => rule.broken(context).length > 0),
    );
    expect(unbroken).toEqual([]);
  });
});

test.for<[context: InheritedSecurityContext]>([
  [{}],
  [{ seccompProfile: { type: 'RuntimeDefault' }, appArmorProfile: { type: 'RuntimeDefault' } }],
  [{ seccompProfile: { type: 'Localhost' }, appArmorProfile: { type: 'Localhost' } }],
  [{ seLinuxOptions: { user: '', role: '', type: '' } }],
  ...['container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'].map(
    (type): [InheritedSecurityContext] => [{ seLinuxOptions: { type } }],
  ),
])('a profile that container runtimes give by themselves is accepted: %j', ([context]) => {
  expect(fieldsOf(context)).toEqual([]);
});
