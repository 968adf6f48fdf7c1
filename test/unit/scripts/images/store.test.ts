import { setImmediate as later } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eachAfterItsBase, type Recipe } from '../../../../scripts/images/store.ts';

const aRecipe = (name: string, base?: Recipe): Recipe => ({
  name,
  what: name,
  ...(base && { base }),
  build: async () => {},
});

test('images are built at the same time, each base once and before what starts from it', async () => {
  const base = aRecipe('base');
  const ends = new Map(
    ['base', 'agent', 'product', 'previous'].map((name) => [name, Promise.withResolvers<void>()]),
  );
  const begun: string[] = [];
  const all = eachAfterItsBase(
    [aRecipe('product', base), aRecipe('previous', base), aRecipe('agent')],
    ({ name }) => {
      begun.push(name);
      return ends.get(name)?.promise ?? Promise.resolve();
    },
  );
  await later();
  expect(begun.sort()).toEqual(['agent', 'base']);
  ends.get('base')?.resolve();
  await later();
  expect(begun.sort()).toEqual(['agent', 'base', 'previous', 'product']);
  for (const end of ends.values()) end.resolve();
  await all;
});

test('what starts from an image that cannot be built is not built', async () => {
  const begun: string[] = [];
  const all = eachAfterItsBase([aRecipe('product', aRecipe('base'))], async ({ name }) => {
    begun.push(name);
    throw new Error('no space');
  });
  await expect(all).rejects.toThrow('no space');
  expect(begun).toEqual(['base']);
});
