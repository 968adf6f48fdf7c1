import { describe, expect, test } from 'vitest';
import { runInOrder, runsAlone, type Stage } from '../../../scripts/stages.ts';

const aStage = (script: string, ...after: string[]): Stage => ({ script, kind: 'check', after });

const LINT = aStage('lint');
const BUILD = aStage('build');
const TESTS = aStage('tests', 'lint', 'build');
const NODE = aStage('node');

/** Runs stages that each end when they are told to. */
function start(stages: readonly Stage[]) {
  const begun: string[] = [];
  const ends = new Map(stages.map(({ script }) => [script, Promise.withResolvers<string>()]));
  const results = runInOrder(stages, ({ script }) => {
    begun.push(script);
    return ends.get(script)?.promise ?? Promise.resolve('');
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    begun,
    results,
    async end(script: string) {
      ends.get(script)?.resolve(`${script} ended`);
      await settled();
    },
    settled,
  };
}

describe('stages run', () => {
  test('at once when they come after none, and when all that they come after have ended', async () => {
    const { begun, results, end, settled } = start([LINT, BUILD, TESTS, NODE]);
    await settled();
    expect(begun).toEqual(['lint', 'build', 'node']);
    await end('build');
    expect(begun).not.toContain('tests');
    await end('lint');
    expect(begun).toContain('tests');
    await end('node');
    await end('tests');
    expect(await results).toEqual(['lint ended', 'build ended', 'tests ended', 'node ended']);
  });

  test('without those that they come after and that are not wanted', async () => {
    const { begun, settled } = start([TESTS]);
    await settled();
    expect(begun).toEqual(['tests']);
  });
});

describe('the terminal is a stage’s own', () => {
  test.each<[string, Stage, Stage[], boolean]>([
    ['if no other is wanted', TESTS, [TESTS], true],
    ['if it waits for the others', TESTS, [LINT, BUILD, TESTS], true],
    ['if the other waits for it', BUILD, [BUILD, TESTS], true],
    [
      'if those before it wait for one another',
      aStage('last', 'tests'),
      [BUILD, TESTS, aStage('last', 'tests')],
      true,
    ],
    ['but not if another runs beside it', LINT, [LINT, BUILD], false],
    ['nor if one may still run', TESTS, [BUILD, TESTS, NODE], false],
  ])('%s', (_, stage, stages, alone) => {
    const [same = stage] = stages.filter(({ script }) => script === stage.script);
    expect(runsAlone(same, stages)).toBe(alone);
  });
});
