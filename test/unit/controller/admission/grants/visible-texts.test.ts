import { describe, expect, it } from 'vitest';
import { findHiddenText } from '../../../../../controller/admission/grants/visible-texts.ts';
import { aGrant, aKubernetesAction, anHttpAction } from '../../../../support/builders.ts';

const FORGED = 'because\nStatus:\n  Approvals:  2/2';
const OVERRIDE = 'a\u202eb';
const http = (change: object) => ({ spec: { action: anHttpAction(change) } });
const json = (text: string) => http({ body: { type: 'JSON', json: text } });
const kubernetes = (change: object) => ({ spec: { action: aKubernetesAction(change) } });
const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: FORGED, uid: 'u' };

describe('a text of a grant that hides something is found in', () => {
  it.each<[string, Parameters<typeof aGrant>[0], string]>([
    [
      'the justification, which forges a status',
      { spec: { justification: FORGED } },
      'spec.justification',
    ],
    [
      'the justification, which reads backwards',
      { spec: { justification: OVERRIDE } },
      'spec.justification',
    ],
    ['the JSON of an HTTP body', json('{\n"a":1}'), 'spec.action.http.body.json'],
    ['a value in the JSON of a body', json('{"a":"\u200b"}'), 'spec.action.http.body.json'],
    ['a header', http({ headers: { 'x-reason': 'a\tb' } }), 'spec.action.http.headers[x-reason]'],
    [
      'the JSON of a Kubernetes body',
      kubernetes({ body: { type: 'JSON', json: '{}\r\n' } }),
      'spec.action.kubernetes.body.json',
    ],
    ['the name of an object', kubernetes({ name: 'a\u0085b' }), 'spec.action.kubernetes.name'],
    [
      'a query parameter',
      kubernetes({ queryParameters: { labelSelector: OVERRIDE } }),
      'spec.action.kubernetes.queryParameters.labelSelector',
    ],
    [
      'the name of the requester',
      { spec: { requester: { username: 'ann\nStatus:' } } },
      'spec.requester.username',
    ],
    [
      'an annotation',
      { metadata: { annotations: { 'example.com/ticket': FORGED } } },
      'metadata.annotations[example.com/ticket]',
    ],
    [
      'an annotation with more than one final line break',
      { metadata: { annotations: { note: 'a\n\n' } } },
      'metadata.annotations.note',
    ],
    [
      'the name of an owner',
      { metadata: { ownerReferences: [owner] } as object },
      'metadata.ownerReferences[0].name',
    ],
  ])('%s', (_, change, field) => {
    expect(findHiddenText(aGrant(change))?.field).toBe(field);
  });

  it('a key', () => {
    const grant = aGrant({ metadata: { annotations: { 'a\u202eb': 'x' } } });
    expect(findHiddenText(grant)).toMatchObject({
      field: 'metadata.annotations',
      reason: expect.stringMatching(/^a key has a character that changes the direction of text/),
    });
  });
});

it.each<[string, Parameters<typeof aGrant>[0], RegExp]>([
  [
    'the character, where it is, and plain text',
    { spec: { justification: OVERRIDE } },
    /^has a character that changes the direction of text \(U\+202E\) at character 2, .* Write plain text on one line$/,
  ],
  [
    'compact JSON for a line break in JSON',
    json('{\n}'),
    /\(U\+000A\) at character 2.* as jq -c prints it$/,
  ],
  [
    'an escape for other characters in JSON',
    json('"\u200b"'),
    /Write the character as a JSON escape \(\\u and the digits of U\+200B\)$/,
  ],
])('the refusal names %s', (_, change, reason) => {
  expect(findHiddenText(aGrant(change))?.reason).toMatch(reason);
});

it.each<[string, Parameters<typeof aGrant>[0]]>([
  ['plain texts', {}],
  ['escapes in JSON', json('{"a":"\\n\\u202e"}')],
  ['any script', { spec: { justification: 'アラート ❤️ تنبيه' } }],
  [
    'what kubectl apply leaves',
    {
      metadata: {
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': '{"kind":"ActionGrant"}\n',
        },
      },
    },
  ],
  [
    'fields that the API server manages',
    { metadata: { managedFields: [{ manager: 'a\nb' }] } as object },
  ],
])('nothing is found in %s', (_, change) => {
  expect(findHiddenText(aGrant(change))).toBeUndefined();
});
