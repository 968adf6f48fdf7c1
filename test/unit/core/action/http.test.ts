import { describe, expect, it } from 'vitest';
import { actionDigest } from '../../../../core/action/digest.ts';
import { HTTP, type HttpAction } from '../../../../core/action/http.ts';
import { anHttpAction } from '../../../support/builders.ts';

function anAction(given: Partial<HttpAction> = {}): HttpAction {
  return {
    type: 'HTTP',
    method: 'POST',
    url: 'https://edr.example.com/v1/x',
    headers: {},
    body: { kind: 'none' },
    ...given,
  };
}

describe('the credential of an HTTP call', () => {
  it.each([
    ['https://edr.example.com/v1/x?y', 'https://edr.example.com'],
    ['https://edr.example.com:8443/', 'https://edr.example.com:8443'],
    ['https://[::1]/', 'https://[::1]'],
  ])('to %s is for %s alone', (url, audience) => {
    expect(HTTP.credential(anAction({ url }))).toEqual({ audience });
  });

  it('is none in clear text', () => {
    expect(HTTP.credential(anAction({ url: 'http://edr.example.com/' }))).toBeUndefined();
  });
});

it.each([
  [200, 'Succeeded'],
  [204, 'Succeeded'],
  [302, 'Succeeded'],
  [399, 'Succeeded'],
  [400, 'Failed'],
  [404, 'Failed'],
  [503, 'Failed'],
])('a service that answers %i has %s', (status, outcome) => {
  expect(HTTP.outcome({ status })).toBe(outcome);
});

it('what a grant states is canonical', () => {
  const grant = anHttpAction({
    url: 'https://EDR.example.com:443',
    headers: JSON.parse('{"__proto__":"1"}'),
    body: { type: 'Any' },
  });
  const { action, body, url } = HTTP.stated(grant);
  expect({ ...action, headers: Object.entries(action.headers) }).toEqual({
    type: 'HTTP',
    method: 'POST',
    url: 'https://edr.example.com/',
    headers: [['__proto__', '1']],
  });
  expect(body).toEqual({ form: 'Any' });
  expect(url).toMatchObject({ scheme: 'https', host: 'edr.example.com', port: 443 });
});

describe('a header that 0.1 took for part of the action, and that has no effect', () => {
  const named = { 'sentry-trace': 'abc', 'x-stainless-async': 'false', 'x-dry-run': '1' };
  const http = { method: 'POST', url: 'https://edr.example.com/v1/x', headers: named };

  it('is no part of it for a grant and for a sidecar of that release either', () => {
    const { action } = HTTP.stated({ type: 'HTTP', http });
    const call = HTTP.parse(JSON.parse(JSON.stringify(anAction({ headers: named }))));
    expect(Object.entries(action.headers)).toEqual([['x-dry-run', '1']]);
    expect(call.headers).toEqual({ 'x-dry-run': '1' });
  });

  it('is not needed in a grant', () => {
    const { action } = HTTP.stated({
      type: 'HTTP',
      http: { ...http, headers: { 'x-dry-run': '1' } },
    });
    expect(actionDigest(action, { form: 'None' })).toBe(
      actionDigest(HTTP.stated({ type: 'HTTP', http }).action, { form: 'None' }),
    );
  });
});
