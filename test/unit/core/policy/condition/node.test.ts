import { Environment } from '@marcbachmann/cel-js';
import { expect, it } from 'vitest';
import { forgetSource, rootOf } from '../../../../../core/policy/condition/node.ts';

it.each([
  'given[0].a == 1',
  'given.exists(x, x.a == 1)',
  'given.map(x, x.a)[0] == 1',
  'given.filter(x, x.a == 1) == []',
  'given.exists_one(x, x.a == 1)',
  'cel.bind(y, given[0], y.a == 1)',
  'has(given[0].a) || given[0].a == 1',
  'true ? given[0].a == 1 : false',
  "{'a': [given[0].a]}['a'][0] == 1",
  'given[0] + 1 == 2',
  'size(given[0]) == 1',
])('once it was checked, errors of %s do not quote it', (source) => {
  const message = (forgets: boolean): string => {
    const program = new Environment().registerVariable('given', 'dyn').parse(source);
    program.check();
    if (forgets) forgetSource(rootOf(program));
    try {
      return String(program({ given: [7] }));
    } catch (error) {
      return (error as Error).message;
    }
  };
  const [quoting, short] = [message(false), message(true)];
  expect(quoting).toContain(source);
  expect(short).toBe(quoting.split('\n', 1)[0]);
});
