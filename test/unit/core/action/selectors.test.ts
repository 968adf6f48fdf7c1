import { describe, expect, it } from 'vitest';
import { actionKeys } from '../../../../core/action/digest.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import { KUBERNETES } from '../../../../core/action/kubernetes.ts';
import { withOrderedSelectors } from '../../../../core/action/selectors.ts';

const field = (fieldSelector: string) => withOrderedSelectors({ fieldSelector })['fieldSelector'];
const label = (labelSelector: string) => withOrderedSelectors({ labelSelector })['labelSelector'];

describe('a field selector', () => {
  it.each([
    [
      'of kubectl describe',
      'involvedObject.uid=u,involvedObject.name=a,involvedObject.kind=Pod',
      'involvedObject.kind=Pod,involvedObject.name=a,involvedObject.uid=u',
    ],
    ['with another spelling of =', 'b==1,a!=2', 'a!=2,b=1'],
    ['with a term twice', 'a=1,a=1', 'a=1'],
    ['with an escaped comma', 'b=x\\,y,a=1', 'a=1,b=x\\,y'],
    ['with an escaped backslash before a comma', 'b=x\\\\,a=1', 'a=1,b=x\\\\'],
    ['of one term', 'metadata.name=a', 'metadata.name=a'],
    ['without a value', 'b=,a=', 'a=,b='],
  ])('%s has one spelling', (_, selector, ordered) => {
    expect(field(selector)).toBe(ordered);
  });

  it.each(['', 'a', 'a=1,b', ',a=1', 'a=1,,b=2'])('that is none, or odd, stays: %j', (selector) => {
    expect(field(selector)).toBe(selector);
  });
});

describe('a label selector', () => {
  it.each([
    ['in any order', 'tier=web,app=shop', 'app=shop,tier=web'],
    ['with white space', ' tier = web , app==shop ', 'app=shop,tier=web'],
    ['with sets', 'env notin (b, a),app in (y,x,y)', 'app in (x,y),env notin (a,b)'],
    ['with keys alone', '!b,a', '!b,a'],
    ['with a prefix', 'b!=1,app.kubernetes.io/name=x', 'app.kubernetes.io/name=x,b!=1'],
    ['with comparisons', 'b>1,a<2', 'a<2,b>1'],
    ['with an empty value', 'b=,a=1', 'a=1,b='],
    ['with an empty value in a set', 'a in (b,)', 'a in (,b)'],
  ])('%s has one spelling', (_, selector, ordered) => {
    expect(label(selector)).toBe(ordered);
    expect(label(ordered)).toBe(ordered);
  });

  it.each(['', 'a=b c', 'a in (b', 'a=b,,c=d', 'a in (b c)', '(a)', 'a=é'])(
    'that is none stays: %j',
    (selector) => {
      expect(label(selector)).toBe(selector);
    },
  );
});

it('other parameters stay', () => {
  const parameters = { limit: '500', continue: 'b,a', __proto__: 'x' };
  expect(withOrderedSelectors(parameters)).toEqual(parameters);
});

it('takes time that grows with the length alone', () => {
  for (const part of ['a=1,', 'a in (', '\\,', ' ', '(,', 'a']) {
    const start = performance.now();
    field(part.repeat(2_000));
    label(part.repeat(2_000));
    expect(performance.now() - start).toBeLessThan(500);
  }
});

it('a grant matches a call whose selectors are in another order, whichever of them is older', () => {
  const list = { verb: 'list', version: 'v1', resource: 'events', namespace: 'shop' } as const;
  const orders = [
    { fieldSelector: 'b=2,a=1', labelSelector: 'y in (b,a),x=1' },
    { fieldSelector: 'a=1,b=2', labelSelector: 'x==1, y in (a, b)' },
  ];
  const digests = orders.flatMap((queryParameters) => {
    const call = {
      type: 'Kubernetes',
      ...list,
      apiGroup: '',
      subresource: '',
      name: '',
      queryParameters,
    } as const;
    const keys = actionKeys({ ...KUBERNETES.canonical(call, 'call'), body: { kind: 'none' } });
    const grant = grantedAction({ type: 'Kubernetes', kubernetes: { ...list, queryParameters } });
    return [grant.digest, keys[0]?.digest];
  });
  expect(new Set(digests).size).toBe(1);
});
