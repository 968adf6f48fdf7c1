import { expect, it } from 'vitest';
import { nearBodyText } from '../../../../sidecar/refuse/near-body.ts';

const restart = (time: string) =>
  JSON.stringify({
    spec: {
      template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': time } } },
    },
  });
const text = (json: string, sent: string) => nearBodyText({ grant: 'restart-1', json }, sent);

it('the one member is named, and that it is a time', () => {
  expect(text(restart('2026-11-30T22:00:00Z'), restart('2026-11-30T22:00:07Z'))).toBe(
    ' The body differs from that of restart-1 only in /spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt. That is a time, and another one each time: send a fixed one, or grant the body as Any.',
  );
  expect(text('{"t":1796000000}', '{"t":1796000001}')).toContain('only in /t. That is a time');
});

it.each([
  ['{"a":1,"b":2}', '{"a":1,"b":3}', ' The body differs from that of restart-1 only in /b.'],
  [
    '{"a":1,"b":2}',
    '{"a":0,"b":3}',
    ' The body differs from that of restart-1 in 2 members, first in /a.',
  ],
  ['1', '2', ' The body differs from that of restart-1 only as a whole.'],
  ['{"é\\n":1}', '{}', ' The body differs from that of restart-1 only in /??.'],
  ['{"a":1}', '{"a":1}', ''],
  ['{', '{}', ''],
])('%s and %s: %j', (granted, sent, said) => {
  expect(text(granted, sent)).toBe(said);
});

it('never says what stands in either', () => {
  const said = text('{"a":"granted","password":"hunter2"}', '{"a":"sent","password":"hunter3"}');
  expect(said).not.toMatch(/granted|sent"|hunter/);
});
