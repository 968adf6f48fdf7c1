import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Form } from '../../../../sidecar/scan/forms.ts';
import { PieceTable } from '../../../../sidecar/scan/pieces.ts';
import { symbolsOf } from '../../../../sidecar/scan/symbols.ts';
import { Window } from '../../../../sidecar/scan/window.ts';

const ENOUGH = 20;

/** A secret of its own number, with many pieces. */
function formOf(number: number): Form {
  let text = '';
  for (let n = 0; text.length < 300; n += 1)
    text += ((number * 7_919 + n * 104_729) ** 2).toString(36);
  return { symbols: symbolsOf(text).subarray(0, 300), enough: ENOUGH, every: 1 };
}

function isFound(table: PieceTable, { symbols }: Form): boolean {
  const window = new Window();
  return symbols.some((symbol) => {
    window.push(symbol);
    return table.has(window);
  });
}

it('a table has the pieces that were added and not taken out, in whatever order that was', () => {
  const forms = Array.from({ length: 60 }, (_, number) => formOf(number));
  const each = 300 - ENOUGH + 1;
  fc.assert(
    fc.property(
      fc.array(fc.nat(forms.length - 1), { minLength: 40, maxLength: 120, size: 'max' }),
      (turns) => {
        const table = new PieceTable();
        const live = new Set<number>();
        for (const number of turns) {
          const form = forms[number] ?? formOf(number);
          if (live.delete(number)) table.remove([form]);
          else {
            live.add(number);
            table.add([form]);
          }
        }
        expect(table.size).toBe(live.size * each);
        expect(forms.flatMap((form, number) => (isFound(table, form) ? [number] : []))).toEqual(
          [...live].sort((a, b) => a - b),
        );
      },
    ),
    { numRuns: 30 },
  );
});
