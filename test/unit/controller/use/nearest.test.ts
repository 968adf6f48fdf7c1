import { expect, it } from 'vitest';
import type { LiveGrant } from '../../../../controller/grants/resource.ts';
import { nearestGrants } from '../../../../controller/use/nearest.ts';
import type { GrantAction } from '../../../../core/api/generated/actiongrant.ts';
import { aGrant, anHttpAction } from '../../../support/builders.ts';
import { anHttpCall } from '../../../support/exchange.ts';

const grant = (name: string, action: GrantAction) =>
  aGrant({ metadata: { name }, spec: { action } }) as LiveGrant;
const near = (...grants: LiveGrant[]) =>
  nearestGrants(anHttpCall(), grants).map(({ field, json, grant: { metadata } }) => [
    metadata.name,
    field,
    json,
  ]);

it('a grant that differs in one field is near, and the field is told', () => {
  expect(
    near(
      grant('same', anHttpAction()),
      grant('method', anHttpAction({ method: 'PUT' })),
      grant('two', anHttpAction({ method: 'PUT', headers: { 'x-a': '1' } })),
      grant('elsewhere', anHttpAction({ url: 'https://a.example/' })),
    ),
  ).toEqual([['method', 'method', undefined]]);
});

it('of one that differs in its body, the JSON that it states is told to the sidecar', () => {
  const json = '{ "reason": "other" }';
  expect(
    near(
      grant('json', anHttpAction({ body: { type: 'JSON', json } })),
      grant('digest', anHttpAction({ body: { type: 'SHA256', sha256: '0'.repeat(64) } })),
    ),
  ).toEqual([
    ['json', 'body', '{"reason":"other"}'],
    ['digest', 'body', undefined],
  ]);
});

it('three are told at most, and of a hundred compared', () => {
  const put = grant('put', anHttpAction({ method: 'PUT' }));
  expect(near(put, put, put, put)).toHaveLength(3);
  const others = Array.from({ length: 100 }, () =>
    grant('x', anHttpAction({ url: 'https://a.example/' })),
  );
  expect(near(...others, put)).toEqual([]);
});

it('one that an earlier release read less strictly is passed over', () => {
  expect(near(grant('odd', anHttpAction({ url: 'https://a.example/../' })))).toEqual([]);
});
