import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkCircles, checkRooms, checkSource } from '../../../scripts/check-arrows.ts';
import { ROOMS } from '../../../scripts/rooms.ts';
import { ROOT } from '../../../scripts/tools.ts';

function messages(path: string, source: string): string[] {
  return checkSource(path, source).map(({ line, message }) => `${line}: ${message}`);
}

describe('an import that no arrow draws is refused', () => {
  test.each([
    [
      'the sidecar reaching into the controller',
      'sidecar/forward/connect.ts',
      "import { match } from '../../controller/use/match.ts';",
      ['1: sidecar/forward must not import controller/use/match.ts'],
    ],
    [
      'the controller reaching into the sidecar, for a type only',
      'controller/main.ts',
      "import type { Listener } from '../sidecar/intercept/listen.ts';",
      ['1: controller must not import sidecar/intercept/listen.ts'],
    ],
    [
      'a room reaching up, to one that uses it',
      'controller/caches/caches.ts',
      "import { use } from '../use/use.ts';",
      ['1: controller/caches must not import controller/use/use.ts'],
    ],
    [
      'a room reaching into its neighbour',
      'controller/reconcile/plan-step.ts',
      "import { createExchangeRouter } from '../exchange/routes.ts';",
      ['1: controller/reconcile must not import controller/exchange/routes.ts'],
    ],
    [
      'a room reaching into the folder above it',
      'controller/admission/grants/validate-grant.ts',
      "import { createAdmissionRouter } from '../router.ts';",
      ['1: controller/admission/grants must not import controller/admission/router.ts'],
    ],
    [
      'what is shared reaching out of core/',
      'core/kubernetes/lease.ts',
      "import { VERSION } from '../../process/version.ts';",
      ['1: core/kubernetes must not import process/version.ts'],
    ],
    [
      'the words reaching for what is made of them',
      'core/api/grant.ts',
      "import { actionDigest } from '../action/digest.ts';",
      ['1: core/api must not import core/action/digest.ts'],
    ],
    [
      'a pure room doing I/O',
      'core/action/digest.ts',
      "import { hash } from 'node:crypto';\nimport { readFileSync } from 'node:fs';",
      ['2: core/action is pure and must not import node:fs'],
    ],
    [
      'a package in a room that is not drawn with it',
      'core/text/url.ts',
      "export { parse } from 'yaml';",
      ['1: core/text must not import npm:yaml'],
    ],
    [
      'process/ knowing a process of ours',
      'process/log.ts',
      "export * from '../cli/main.ts';",
      ['1: process must not import cli/main.ts'],
    ],
    [
      'shipped code using test support',
      'controller/main.ts',
      "import '../test/support/control-plane.ts';",
      ['1: controller must not import test/support/control-plane.ts'],
    ],
    [
      'the Kubernetes client outside its room',
      'controller/credentials/mint.ts',
      "import { CoreV1Api } from '@kubernetes/client-node';",
      ['1: controller/credentials must not import npm:@kubernetes/client-node'],
    ],
    [
      'an import over several lines',
      'sidecar/main.ts',
      "import {\n  type A,\n  b as c,\n} from '../controller/x.ts';",
      ['1: sidecar must not import controller/x.ts'],
    ],
    [
      'a dynamic import',
      'sidecar/main.ts',
      "const x = 1;\nawait import('../controller/main.ts');",
      ['2: sidecar must not import controller/main.ts'],
    ],
    [
      'a dynamic import of whatever comes',
      'sidecar/main.ts',
      'await import(name);',
      ['1: imports what only a run can tell'],
    ],
    [
      'a folder that nobody has drawn',
      'controller/misc/helper.ts',
      "import { compareTimes } from '../../core/kubernetes/time.ts';",
      [
        '1: controller/misc is no room of the house: draw it in scripts/rooms.ts and CONTRIBUTING.md',
      ],
    ],
  ])('%s', (_, path, source, expected) => {
    expect(messages(path, source)).toEqual(expected);
  });
});

describe('a circle is refused', () => {
  const circles = (sources: Readonly<Record<string, string>>): string[] =>
    checkCircles(new Map(Object.entries(sources))).map(
      ({ path, line, message }) => `${path}:${line}: ${message}`,
    );

  test('among two files, even for a type only', () => {
    expect(
      circles({
        'core/text/a.ts': "import { b } from './b.ts';",
        'core/text/b.ts': "\nimport type { A } from './a.ts';",
      }),
    ).toEqual([
      'core/text/b.ts:2: the files import each other: core/text/a.ts → core/text/b.ts → core/text/a.ts',
    ]);
  });

  test('among three, told once', () => {
    expect(
      circles({
        'process/a.ts': "import './b.ts';",
        'process/b.ts': "import './c.ts';",
        'process/c.ts': "import './a.ts';",
      }),
    ).toEqual([
      'process/c.ts:1: the files import each other: process/a.ts → process/b.ts → process/c.ts → process/a.ts',
    ]);
  });

  test('but a file that two others share is none', () => {
    expect(
      circles({
        'process/a.ts': "import './b.ts';\nimport './c.ts';",
        'process/b.ts': "import './c.ts';",
        'process/c.ts': '',
      }),
    ).toEqual([]);
  });

  test('among rooms, in the table itself', () => {
    expect(
      checkRooms([
        { path: 'a', uses: ['b'] },
        { path: 'b', uses: ['c/'] },
        { path: 'c/d', uses: ['a'] },
      ]),
    ).toEqual(['rooms use each other: a → b → c/d → a']);
  });

  test('as is an arrow to a room that nobody has drawn', () => {
    expect(checkRooms([{ path: 'a', uses: ['b'] }])).toEqual(['a uses b, which is not drawn']);
  });
});

describe('the house', () => {
  test('has no circle and no arrow to nowhere', () => {
    expect(checkRooms(ROOMS)).toEqual([]);
  });

  test.each(ROOMS.map(({ path }) => path))('has %s in the drawing of CONTRIBUTING.md', (path) => {
    expect(drawing()).toContain(path);
  });
});

/** Every path of CONTRIBUTING's layout: its folders stand indented below those that they are in. */
function drawing(): string[] {
  const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const block = /## Layout[\s\S]*?```\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const above: string[] = [];
  return block.split('\n').flatMap((line) => {
    const [, indent = '', name] = /^( *)([\w.-]+(?:\/[\w.-]+)*\/?)(?: |$)/.exec(line) ?? [];
    if (name === undefined) return [];
    above.splice(indent.length / 2, above.length, name.replace(/\/$/, ''));
    return [above.join('/')];
  });
}

describe('ambient state is refused', () => {
  test.each([
    ['the environment', 'sidecar/main.ts', 'const port = process.env.PORT;'],
    ['the environment by import', 'sidecar/main.ts', "import { env } from 'node:process';"],
    ['the clock in a pure room', 'core/api/grant.ts', 'const late = Date.now() > deadline;'],
    ['the process in a pure room', 'core/action/digest.ts', 'process.exit(1);'],
  ])('%s', (_, path, source) => {
    expect(messages(path, source)).toHaveLength(1);
  });
});

describe('what the house allows passes', () => {
  test.each([
    ['the environment in the configuration', 'process/config.ts', 'const e = process.env;'],
    [
      'hashing where digests are made',
      'core/action/digest.ts',
      "import { hash } from 'node:crypto';",
    ],
    ['a word from everywhere', 'sidecar/main.ts', "import { A } from '../core/api/names.ts';"],
    ['a file of the same room', 'sidecar/main.ts', "import { A } from './sidecar.ts';"],
    ['a package in its room', 'process/metrics.ts', "import { Registry } from 'prom-client';"],
    [
      'the Kubernetes client in its room',
      'core/kubernetes/client.ts',
      "import { KubeConfig } from '@kubernetes/client-node';",
    ],
    [
      'prose about an import',
      'core/api/x.ts',
      "/**\n * process.env, import('../controller/x.ts')\n */",
    ],
    ['anything in a test', 'test/unit/x.test.ts', "import '../../controller/main.ts';"],
  ])('%s', (_, path, source) => {
    expect(messages(path, source)).toEqual([]);
  });
});
