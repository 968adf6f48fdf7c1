/** Which calls to the API server a rule is about: as RBAC has it. */

import { expect, it } from 'vitest';
import type { KubernetesAction } from '../../../../core/action/kubernetes.ts';
import { Findings } from '../../../../core/policy/finding.ts';
import { KUBERNETES_RULE } from '../../../../core/policy/kubernetes-rule.ts';
import type { KubernetesRule } from '../../../../core/policy/policy.ts';
import { aKubernetesRule } from '../../../support/policies.ts';
import { aKubernetesCall } from '../../../support/policy-calls.ts';

it.each<[Partial<KubernetesRule>, Partial<Omit<KubernetesAction, 'body'>>, boolean]>([
  [{}, {}, true],
  [{ apiGroups: [''] }, {}, true],
  [{ apiGroups: ['apps'] }, {}, false],
  [{ apiGroups: ['', 'apps'] }, { apiGroup: 'apps', resource: 'deployments' }, true],
  [{ resources: ['pods'] }, {}, true],
  [{ resources: ['pods'] }, { subresource: 'log' }, false],
  [{ resources: ['pods/log'] }, { subresource: 'log' }, true],
  [{ resources: ['pods/log'] }, {}, false],
  [{ resources: ['*/log'] }, { subresource: 'log' }, true],
  [{ resources: ['*/log'] }, {}, false],
  [{ resources: ['*'] }, { subresource: 'exec' }, true],
  [{ verbs: ['get'] }, {}, true],
  [{ verbs: ['get'] }, { verb: 'list' }, false],
  [{ verbs: ['patch'] }, { verb: 'apply' }, false],
  [{ namespaces: ['dev'] }, {}, true],
  [{ namespaces: ['.'] }, {}, true],
  [{ namespaces: ['.'] }, { namespace: 'prod' }, false],
  [{ namespaces: ['.'] }, { namespace: '', resource: 'nodes' }, false],
  [{ namespaces: [''] }, { namespace: '', resource: 'nodes' }, true],
  [{ namespaces: [''] }, {}, false],
  [{ namespaces: ['*'] }, { namespace: '', resource: 'nodes' }, true],
  [{ resourceNames: ['web-1'] }, {}, true],
  [{ resourceNames: ['web-2'] }, {}, false],
  [{ resourceNames: ['web-1'] }, { verb: 'list', name: '' }, false],
  [{ resourceNames: [] }, { verb: 'list', name: '' }, true],
])('%j and %j: %s', (kubernetes, action, expected) => {
  const rule = aKubernetesRule({ kubernetes });
  const matcher = KUBERNETES_RULE.read(rule, 'rule', new Findings());
  const call = aKubernetesCall(action);
  expect(matcher.mayMatch(call) && matcher.matches(call) === 'Yes').toBe(expected);
});
