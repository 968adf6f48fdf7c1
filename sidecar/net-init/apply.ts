/** Puts a ruleset in force, and reads back from the kernel that it is. */

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { ProblemError } from '../../core/api/problem.ts';
import { toListing, toTransaction } from './nft-text.ts';
import type { Chain } from './ruleset.ts';

/**
 * Replaces the table in one transaction and reads it back.
 * @throws ProblemError ConfigurationInvalid if nft cannot be run or refuses; Internal if the rules in force are not those meant
 */
export async function applyRuleset(chains: readonly Chain[]): Promise<void> {
  await nft(['--file', '-'], toTransaction(chains));
  const listed = await nft(
    ['--stateless', '--numeric-protocol', 'list', 'table', 'inet', 'actiongrant'],
    '',
  );
  const difference = firstDifference(toListing(chains), listed);
  if (difference !== null) {
    throw new ProblemError('Internal', `The packet filter is not as meant: ${difference}.`);
  }
}

/** @returns the first line that differs, in words, or null */
export function firstDifference(meant: string, listed: string): string | null {
  const expected = meant.split('\n');
  const found = listed.split('\n');
  const length = Math.max(expected.length, found.length);
  for (let i = 0; i < length; i += 1) {
    if (expected[i] !== found[i]) {
      return `line ${i + 1} is ${shown(found[i])} instead of ${shown(expected[i])}`;
    }
  }
  return null;
}

const shown = (line: string | undefined): string =>
  line === undefined ? 'missing' : JSON.stringify(line.trim());

async function nft(args: readonly string[], input: string): Promise<string> {
  const child = spawn('nft', args, { stdio: 'pipe' });
  // A program that ended early reads no more; what it said of that is on its standard error.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const streams = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code, [stdout, stderr]] = await Promise.all([exited, streams]).catch((cause: unknown) => {
    const missing = (cause as { code?: unknown }).code === 'ENOENT';
    const reason = missing ? 'the program nft is not installed here' : 'nft cannot be run';
    throw new ProblemError('ConfigurationInvalid', `The packet filter cannot be set: ${reason}.`, {
      cause,
    });
  });
  if (code === 0) return stdout;
  throw new ProblemError(
    'ConfigurationInvalid',
    `The packet filter cannot be set: ${reasonOf(stderr)}`,
  );
}

/** What nft says of a failure, and what to do about the usual ones. */
export function reasonOf(stderr: string): string {
  const said = stderr.trim().split('\n').slice(0, 5).join(' ').replace(/\s+/g, ' ');
  const advice = ADVICE.find(({ says }) => says.test(stderr))?.advice;
  return advice === undefined ? `nft says: ${said}` : `${advice} nft says: ${said}`;
}

const ADVICE = [
  {
    says: /Operation not permitted/,
    advice: 'this container needs to run as root with the capability NET_ADMIN.',
  },
  {
    says: /not supported|No such file or directory/,
    advice: "the node's kernel lacks a part of nf_tables (nat, redirect, ct or reject for inet).",
  },
] as const;
