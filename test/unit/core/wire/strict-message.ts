/** What holds of every message: it is read strictly, and an error names the member. */

import { describe, expect, it } from 'vitest';
import { type ProblemCode, ProblemError } from '../../../../core/api/problem.ts';

export const NONCE = '0f8fad5b-d9cb-469f-a165-70867728950e';
export const SHA256 = 'a'.repeat(64);

export interface Message {
  parse(value: unknown): unknown;
  valid: object;
  /** Members by path, with what they may not be. `?` at the end: it may be absent. */
  members: Record<string, unknown[]>;
}

export const NOT_TEXT = [null, 1, true, {}, [], ''];
export const NOT_TEXT_OR_EMPTY = NOT_TEXT.filter((value) => value !== '');
export const NOT_OBJECT = [null, 1, 'x', true, []];
export const NOT_NONCE = [
  ...NOT_TEXT,
  NONCE.toUpperCase(),
  NONCE.replace('469f', '169f'),
  `${NONCE} `,
];
export const NOT_DIGEST = [...NOT_TEXT, 'a'.repeat(63), 'A'.repeat(64), `${SHA256}\n`];
export const notInteger = (min: number, max: number) => [
  ...[null, '1', true, {}, 1.5, Number.NaN, Number.POSITIVE_INFINITY],
  ...[min - 1, max + 1],
];
export const longerThan = (limit: number) => 'x'.repeat(limit + 1);
export const tooMany = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, '']));

/** A deep copy with one member set, or removed if `value` is undefined. */
export function withMember(valid: object, path: string, value: unknown): unknown {
  const copy: Record<string, unknown> = structuredClone(valid) as Record<string, unknown>;
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce((at, name) => at[name] as Record<string, unknown>, copy);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

/** The field that the refusal names; fails if there is none. */
export function refusedField(parse: () => unknown): string | undefined {
  try {
    parse();
  } catch (error) {
    if (
      error instanceof ProblemError &&
      error.code === ('RequestMalformed' satisfies ProblemCode)
    ) {
      expect(error.detail.startsWith(`${error.field} `)).toBe(true);
      expect(error.detail).toMatch(/^[\x20-\x7e]*\.$/);
      return error.field;
    }
    throw error;
  }
  throw new Error('the message was accepted');
}

/** Every member may be neither missing nor of another form, and no other member is known. */
export function describeMessage(name: string, { parse, valid, members }: Message): void {
  describe(name, () => {
    it('that is right is taken as it is', () => {
      expect(parse(valid)).toEqual(valid);
    });

    it.each([[null], [undefined], ['text'], [1], [[]]])('must be an object and not %j', (value) => {
      expect(refusedField(() => parse(value))).toBe('body');
    });

    for (const [name, wrong] of Object.entries(members)) {
      const path = name.replace('?', '');
      it.each(wrong.map((value) => [value]))(`names ${path} when it is %j`, (value) => {
        expect(refusedField(() => parse(withMember(valid, path, value)))).toBe(path);
      });

      const isMapEntry = /headers\.|queryParameters\./.test(path);
      if (name.endsWith('?') || isMapEntry) {
        it(`may lack ${path}`, () => {
          const without = withMember(valid, path, undefined);
          expect(parse(without)).toEqual(without);
        });
      } else {
        it(`names ${path} when it is missing`, () => {
          const field = refusedField(() => parse(withMember(valid, path, undefined)));
          expect(field?.replace(/^body\./, '')).toBe(path);
        });
      }
    }

    it('names a member that it does not know, wherever it is', () => {
      const objects = ['', ...Object.keys(members).map((name) => name.replace('?', ''))].filter(
        (path) => {
          const value = path
            .split('.')
            .reduce<unknown>(
              (at, name) => (name === '' ? at : (at as Record<string, unknown>)[name]),
              valid,
            );
          return typeof value === 'object' && !/headers|queryParameters/.test(path);
        },
      );
      for (const path of objects) {
        for (const extra of ['extra', 'toString']) {
          const at = path === '' ? extra : `${path}.${extra}`;
          const field = refusedField(() => parse(withMember(valid, at, 1)));
          expect(field).toBe(path === '' ? `body.${extra}` : at);
        }
      }
    });

    it('does not repeat the hostile name of a member', () => {
      const field = refusedField(() => parse({ ...valid, [`\u202e\n${'x'.repeat(100)}`]: 1 }));
      expect(field).toBe(`body.??${'x'.repeat(58)}...`);
    });
  });
}
