import { describe, expect, test } from 'vitest';
import { checkSource } from '../../../scripts/check-arrows.ts';

function messages(path: string, source: string): string[] {
  return checkSource(path, source).map(({ line, message }) => `${line}: ${message}`);
}

describe('an import against an arrow is found', () => {
  test.each([
    [
      'the sidecar reaching into the controller',
      'sidecar/authorize/ask.ts',
      "import { match } from '../../controller/use/match.ts';",
      ['1: sidecar/ must not import controller/use/match.ts'],
    ],
    [
      'the controller reaching into the sidecar, for a type only',
      'controller/main.ts',
      "import type { Listener } from '../sidecar/intercept/listen.ts';",
      ['1: controller/ must not import sidecar/intercept/listen.ts'],
    ],
    [
      'process/ knowing a process of ours',
      'process/log.ts',
      "export * from '../cli/main.ts';",
      ['1: process/ must not import cli/main.ts'],
    ],
    [
      'shipped code using test support',
      'controller/main.ts',
      "import '../test/support/control-plane.ts';",
      ['1: controller/ must not import test/support/control-plane.ts'],
    ],
    [
      'the Kubernetes client outside its folder',
      'controller/credentials/mint.ts',
      "import { CoreV1Api } from '@kubernetes/client-node';",
      ['1: only core/kubernetes/ imports npm:@kubernetes/client-node'],
    ],
    [
      'an import over several lines',
      'sidecar/main.ts',
      "import {\n  type A,\n  b as c,\n} from '../controller/x.ts';",
      ['1: sidecar/ must not import controller/x.ts'],
    ],
    [
      'a dynamic import',
      'sidecar/main.ts',
      "const x = 1;\nawait import('../controller/main.ts');",
      ['2: sidecar/ must not import controller/main.ts'],
    ],
    [
      'a dynamic import of whatever comes',
      'sidecar/main.ts',
      'await import(name);',
      ['1: imports what only a run can tell'],
    ],
  ])('%s', (_, path, source, expected) => {
    expect(messages(path, source)).toEqual(expected);
  });
});

describe('ambient state is found', () => {
  test.each([
    ['the environment', 'sidecar/main.ts', 'const port = process.env.PORT;'],
    ['the environment by import', 'sidecar/main.ts', "import { env } from 'node:process';"],
    ['the clock in core/api/', 'core/api/grant.ts', 'const late = Date.now() > deadline;'],
    ['the process in core/api/', 'core/api/grant.ts', 'process.exit(1);'],
  ])('%s', (_, path, source) => {
    expect(messages(path, source)).toHaveLength(1);
  });
});

describe('what the rules allow passes', () => {
  test.each([
    ['the environment in the configuration', 'process/config.ts', 'const e = process.env;'],
    ['core/ hashing', 'core/action/digest.ts', "import { createHash } from 'node:crypto';"],
    [
      'the vocabulary from everywhere',
      'sidecar/main.ts',
      "import { A } from '../core/action/action.ts';",
    ],
    ['a package in a process', 'process/metrics.ts', "import { Registry } from 'prom-client';"],
    [
      'the Kubernetes client in its folder',
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
