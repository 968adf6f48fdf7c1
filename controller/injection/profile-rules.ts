/** Rules about what pod and container can both say of the kernel's profiles; they hold for each of the two. */

import type { InheritedSecurityContext } from '../pods/pod.ts';
import { type Rule, when } from './rule.ts';

/** Of the Pod Security Standard `baseline`. */
export const SELINUX_TYPES: ReadonlySet<string> = new Set([
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
]);

export const PROFILE_RULES: readonly Rule<InheritedSecurityContext>[] = [
  {
    id: 'profiles',
    broken: ({ seccompProfile }) =>
      when(seccompProfile?.type === 'Unconfined', 'seccompProfile.type'),
    reason: 'must be RuntimeDefault or Localhost',
  },
  {
    id: 'profiles',
    broken: ({ appArmorProfile }) =>
      when(appArmorProfile?.type === 'Unconfined', 'appArmorProfile.type'),
    reason: 'must be RuntimeDefault or Localhost',
  },
  {
    id: 'profiles',
    broken: ({ seLinuxOptions: { user = '', role = '', type = '' } = {} }) => [
      ...when(user !== '', 'seLinuxOptions.user'),
      ...when(role !== '', 'seLinuxOptions.role'),
      ...when(!SELINUX_TYPES.has(type), 'seLinuxOptions.type'),
    ],
    reason: 'must be left out',
  },
];
