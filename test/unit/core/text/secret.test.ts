import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../core/text/secret.ts';

const VALUE = 'hunter2';
const secret = new Secret(VALUE);

/** What console prints. */
function printed(...args: unknown[]): string {
  const stream = new PassThrough();
  new Console(stream).log(...args);
  return String(stream.read());
}

describe('a secret prints as [redacted]', () => {
  it.each<[string, () => unknown]>([
    ['String()', () => String(secret)],
    ['a template', () => `${secret}`],
    ['concat', () => ''.concat(secret as unknown as string)],
    ['join', () => [secret].join()],
    ['toLocaleString', () => secret.toLocaleString()],
    ['inspect', () => inspect(secret)],
    ['format %s', () => format('%s', secret)],
    ['format %o', () => format('%o', secret)],
    ['console', () => printed(secret).trim()],
  ])('with %s', (_, print) => {
    expect(print()).toBe('[redacted]');
  });

  it.each<[string, () => unknown]>([
    ['JSON', () => JSON.stringify({ secret })],
    ['inspect of what holds it', () => inspect({ secret }, { showHidden: true, depth: 9 })],
    ['format %j', () => format('%j', secret)],
    ['the message of an error', () => new Error(`failed: ${secret}`).message],
  ])('within %s', (_, print) => {
    expect(print()).toContain('[redacted]');
    expect(print()).not.toContain(VALUE);
  });
});

describe('a secret has no member that holds it', () => {
  it.each<[string, () => unknown]>([
    [
      'inspect without its own say',
      () => inspect(secret, { customInspect: false, showHidden: true }),
    ],
    ['spread', () => JSON.stringify({ ...secret })],
    ['its entries', () => JSON.stringify(Object.entries(secret))],
    ['its names', () => JSON.stringify(Reflect.ownKeys(secret))],
    ['a structured clone', () => JSON.stringify(structuredClone(secret))],
    ['valueOf', () => inspect(secret.valueOf())],
    ['as a number', () => Number(secret)],
  ])('for %s', (_, look) => {
    expect(String(look())).not.toContain(VALUE);
  });
});

it('a secret is revealed by name only', () => {
  expect(secret.reveal()).toBe(VALUE);
});
