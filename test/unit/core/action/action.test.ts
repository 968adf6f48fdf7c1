import { expect, it } from 'vitest';
import { ACTION_TYPE_NAMES, actionType, grantActionType } from '../../../../core/action/action.ts';
import { HTTP } from '../../../../core/action/http.ts';
import { KUBERNETES } from '../../../../core/action/kubernetes.ts';

it('every type of action has its entry', () => {
  expect(actionType({ type: 'HTTP' })).toBe(HTTP);
  expect(actionType({ type: 'Kubernetes' })).toBe(KUBERNETES);
  expect(grantActionType('Kubernetes')).toBe(KUBERNETES);
});

it('a type that the CRD knows and this version does not is refused with the way out', () => {
  expect(() => grantActionType('MCP')).toThrow(
    'spec.action.type: MCP actions are not supported by this version; use HTTP with the exact body of the call.',
  );
});

it('metrics count every type that a grant may name', () => {
  expect(ACTION_TYPE_NAMES).toEqual(['HTTP', 'Kubernetes', 'MCP']);
});
