import { describe, expect, it } from 'vitest';
import type { Action } from '../../../../core/action/action.ts';
import { differingFields, differingPointers } from '../../../../core/action/differences.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import type { GrantAction } from '../../../../core/api/generated/actiongrant.ts';
import type { JsonValue } from '../../../../core/text/json.ts';
import { anHttpAction } from '../../../support/builders.ts';
import { aKubernetesCall, anHttpCall } from '../../../support/exchange.ts';

const POD: GrantAction = {
  type: 'Kubernetes',
  kubernetes: {
    verb: 'delete',
    version: 'v1',
    resource: 'pods',
    namespace: 'shop',
    name: 'checkout-0',
  },
};
const URL = 'https://edr.example.com/v1/hosts/host-7/quarantine';

describe('a call differs from a grant', () => {
  it.each<[string, Action, GrantAction, string[]]>([
    ['in nothing', anHttpCall(), anHttpAction(), []],
    ['in its method', anHttpCall({ method: 'PUT' }), anHttpAction(), ['method']],
    [
      'in a segment',
      anHttpCall({ url: URL.replace('7', '8') }),
      anHttpAction(),
      ['url, segment 3 of the path'],
    ],
    [
      'in a query parameter',
      anHttpCall({ url: `${URL}?t=1` }),
      anHttpAction({ url: `${URL}?t=2` }),
      ['url, query parameter t'],
    ],
    [
      'in a query parameter that the grant has not',
      anHttpCall({ url: `${URL}?t=1` }),
      anHttpAction(),
      ['url, query parameter t'],
    ],
    [
      'in the order of the query',
      anHttpCall({ url: `${URL}?a=1&b=2` }),
      anHttpAction({ url: `${URL}?b=2&a=1` }),
      ['url, the order of the query'],
    ],
    [
      'in a header',
      anHttpCall({ headers: { 'x-time': '1' } }),
      anHttpAction({ headers: { 'x-time': '2' } }),
      ['headers[x-time]'],
    ],
    [
      'in a header that it has not',
      anHttpCall(),
      anHttpAction({ headers: { 'x-time': '2' } }),
      ['headers[x-time]'],
    ],
    ['in its body', anHttpCall({ body: { kind: 'none' } }), anHttpAction(), ['body']],
    [
      'in several fields',
      anHttpCall({ method: 'PUT', headers: { a: '1' } }),
      anHttpAction(),
      ['method', 'headers[a]'],
    ],
    ['in an attribute', aKubernetesCall({ name: 'checkout-1' }), POD, ['name']],
    [
      'in a parameter',
      aKubernetesCall({ queryParameters: { dryRun: 'All' } }),
      POD,
      ['queryParameters[dryRun]'],
    ],
    ['in the type of its patch', aKubernetesCall({ patchType: 'Merge' }), POD, ['patchType']],
  ])('%s', (_, call, grant, fields) => {
    expect(differingFields(call, grantedAction(grant))).toEqual(fields);
  });

  it.each<[string, Action, GrantAction]>([
    ['of another type', aKubernetesCall(), anHttpAction()],
    ['of another host', anHttpCall({ url: URL.replace('edr', 'idp') }), anHttpAction()],
    ['of another port', anHttpCall({ url: URL.replace('.com', '.com:8443') }), anHttpAction()],
    ['of a path of another length', anHttpCall({ url: `${URL}/x` }), anHttpAction()],
  ])('too much to be compared, %s', (_, call, grant) => {
    expect(differingFields(call, grantedAction(grant))).toBeUndefined();
  });
});

describe('two bodies differ', () => {
  it.each<[string, JsonValue, JsonValue, string[]]>([
    ['in nothing', { a: [1] }, { a: [1] }, []],
    ['in a member', { a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, ['/a/c']],
    ['in a member with an odd name', { 'a/b~c': 1 }, { 'a/b~c': 2 }, ['/a~1b~0c']],
    ['in an item', [1, [2, 3]], [1, [2, 4]], ['/1/1']],
    ['in the length of a list', { a: [1] }, { a: [1, 2] }, ['/a']],
    ['in a member that one has', { a: 1 }, { a: 1, b: null }, ['/b']],
    ['in null and nothing', { a: null }, {}, ['/a']],
    ['in the kind of a value', { a: [] }, { a: {} }, ['/a']],
    ['altogether', 1, 2, ['']],
  ])('%s', (_, a, b, pointers) => {
    expect(differingPointers(a, b)).toEqual(pointers);
    expect(differingPointers(b, a)).toEqual(pointers);
  });

  it('in many members, of which not all are told', () => {
    const many = (value: number) =>
      Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`${i}`, value]));
    expect(differingPointers(many(1), many(2))).toHaveLength(16);
  });
});
