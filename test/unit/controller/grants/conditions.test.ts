import { expect, it } from 'vitest';
import { conditions } from '../../../../controller/grants/conditions.ts';
import { aGrant } from '../../../support/builders.ts';

const messageOf = (message: string) =>
  conditions(aGrant(), 0, [['Ready', 'False', 'SecretNotCreated', message]])[0]?.message ?? '';

it('a message that quotes others is one line, and shows what it has', () => {
  expect(messageOf('denied: a\nStatus:\n  Approvals:  2/2 \u202e')).toBe(
    'denied: a\\u000aStatus:\\u000a  Approvals:  2/2 \\u202e',
  );
});

it('a message is never longer than the schema takes', () => {
  expect(messageOf('\n'.repeat(1024))).toHaveLength(1024);
});
