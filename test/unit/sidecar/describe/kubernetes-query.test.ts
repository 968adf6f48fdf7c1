import { describe, expect, it } from 'vitest';
import {
  formatKubernetesQuery,
  parseKubernetesQuery,
} from '../../../../sidecar/describe/kubernetes-query.ts';
import { refusal } from './problem.ts';

describe('the query of a Kubernetes request', () => {
  it.each<[string, Record<string, string>]>([
    ['', {}],
    ['?', {}],
    ['?dryRun=All', { dryRun: 'All' }],
    ['?pretty', { pretty: '' }],
    ['?a=b=c', { a: 'b=c' }],
    ['?fieldManager=my+tool&force=true', { fieldManager: 'my tool', force: 'true' }],
    ['?labelSelector=a%3D%C3%A9%2Cb%3Dc%2Bd', { labelSelector: 'a=é,b=c+d' }],
    ['?constructor=x', { constructor: 'x' }],
  ])('is read: %s', (query, expected) => {
    expect(Object.fromEntries(parseKubernetesQuery(query))).toEqual(expected);
  });

  it.each([
    ['?dryRun=&dryRun=All', 'RequestAmbiguous'],
    ['?dryRun=All&dryRu%6E=All', 'RequestAmbiguous'],
    ['?a=1;b=2', 'TargetRefused'],
    ['?a=1&&b=2', 'TargetRefused'],
    ['?=x', 'TargetRefused'],
    ['?a%20=x', 'TargetRefused'],
    ['?__proto__=x', 'TargetRefused'],
    ['?a=%C3', 'TargetRefused'],
    ['?a=%C2%80', 'TargetRefused'],
  ])('is refused: %s', (query, code) => {
    expect(refusal(() => parseKubernetesQuery(query))).toMatchObject({ code });
  });

  it('is written so that it is read the same', () => {
    const parameters = new Map([
      ['labelSelector', 'a in (b, c),d!=é&;+%'],
      ['pretty', ''],
    ]);
    expect(parseKubernetesQuery(formatKubernetesQuery(parameters))).toEqual(parameters);
  });
});
