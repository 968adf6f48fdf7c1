/**
 * docs/tutorial.md as it is written, pasted into the shells that people use. It plays with what `make demo KEEP=1` leaves
 * running, so that is tried, too.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../scripts/tools.ts';
import { type ShellBlock, shellBlocks } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';

const DEMO_MILLISECONDS = 180_000;
const SHELL_MILLISECONDS = 120_000;

/** As a person has them: interactive, so that zsh runs comments. Without files of this machine. */
const SHELLS = {
  bash: ['/bin/bash', '--norc', '--noprofile', '-i'],
  zsh: ['/usr/bin/zsh', '-f', '-i', '-s'],
} as const;

/** What a shell says of a line that it does not understand. */
const MISREAD =
  /command not found|no matches found|bad pattern|parse error|syntax error|unknown file attribute|not a valid identifier/i;

/** What each block prints, by the number of its section. */
const PRINTS: Readonly<Record<string, readonly RegExp[]>> = {
  1: [/alice[\s\S]*Finished[\s\S]*Succeeded/],
  2: [/GrantRequired[\s\S]*kind: ActionGrant/],
  3: [/condition met[\s\S]*Approved/, /delegate/],
  // The end of the use may still be on its way.
  4: [/"done":true[\s\S]*(?:was used|is in use by another call)/],
  5: [/Finished=True Succeeded[\s\S]*deletedTime/],
  6: [/condition met/, /^(?:.+\n){9}/, /"done":true/],
  7: [/Pending[\s\S]*waits for a decision/],
  8: [
    /GrantRequired[\s\S]*secrets[\s\S]*GrantRequired[\s\S]*delete[\s\S]*a token would outlive the grant/,
  ],
  9: [/^/],
};

const [start, ...blocks] = shellBlocks('docs/tutorial.md');
let demo: ChildProcess;
let told = '';
let exports = '';

beforeAll(async () => {
  demo = spawn(process.execPath, ['demo/main.ts'], {
    cwd: ROOT,
    env: { ...process.env, KEEP: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  demo.stdout?.on('data', (chunk) => {
    told += chunk;
  });
  demo.stderr?.on('data', (chunk) => {
    told += chunk;
  });
  await eventually(() => expect(told).toContain('docs/tutorial.md goes on from here'), {
    withinMilliseconds: DEMO_MILLISECONDS,
    everyMilliseconds: 500,
  });
  exports = (told.match(/^ {2}export .*$/gm) ?? []).join('\n');
}, DEMO_MILLISECONDS);

afterAll(async () => {
  if (demo.exitCode !== null) return;
  demo.kill('SIGINT');
  const [code] = await once(demo, 'exit');
  expect({ code, told: code === 0 ? '' : told }).toEqual({ code: 0, told: '' });
});

interface Pasted extends ShellBlock {
  /** Standard output, then standard error: errors, and in some shells prompts and the commands themselves. */
  readonly output: string;
}

/** What each block printed, and what the shell and the programs complained of altogether. */
async function paste(shell: readonly string[]): Promise<{ pasted: Pasted[]; complaints: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'actiongrant-tutorial-'));
  try {
    await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    const [program = '', ...args] = shell;
    const child = spawn(program, args, {
      cwd: directory,
      env: { ...process.env, HOME: directory, PS1: '' },
      timeout: SHELL_MILLISECONDS,
    });
    const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
    const end = `end-of-block-${process.pid}`;
    const input = [exports, ...blocks.map((block) => block.text)].map(
      (lines) => `${lines}\necho ${end}; echo ${end} >&2\n`,
    );
    child.stdin.end(`${input.join('')}exit 0\n`);
    const [stdout, complaints] = await outputs;
    const [printed, errors] = [stdout, complaints].map((stream) =>
      stream.split(new RegExp(`^${end}\n`, 'm')).slice(1),
    );
    const pasted = blocks.map((block, index) => ({
      ...block,
      output: `${printed?.[index] ?? ''}${errors?.[index] ?? ''}`,
    }));
    return { pasted, complaints };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe('the tutorial', () => {
  it('begins with a demo that stays, in which everything is as it is told', () => {
    expect(start?.text).toBe('make demo KEEP=1\n');
    expect(told).toMatch(/^[1-9]\d* things checked, 0 not as told/m);
  });

  describe.each(Object.entries(SHELLS))('in %s', (_, shell) => {
    it.skipIf(!existsSync(shell[0]) && process.env['CI'] !== 'true')(
      'prints at every step what it says',
      { timeout: SHELL_MILLISECONDS },
      async () => {
        const { pasted, complaints } = await paste(shell);
        expect(complaints).not.toMatch(MISREAD);
        for (const [section, ofSection] of Map.groupBy(pasted, (block) => block.section)) {
          const expected = PRINTS[section.slice(0, 1)] ?? [];
          expect({ section, blocks: ofSection.length }).toEqual({
            section,
            blocks: expected.length,
          });
          for (const [index, { output }] of ofSection.entries()) {
            expect(output, section).toMatch(expected[index] ?? /^$/);
          }
        }
      },
    );
  });
});
