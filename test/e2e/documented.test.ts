/**
 * What somebody does first who has just got here: the README's quick start as it stands there, and the program of
 * `make demo-cluster`. Each installs the release itself, so nothing of an earlier one may be there, and nothing is left.
 */

import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { TEAMS } from '../../demo/stage.ts';
import { ROOT } from '../../scripts/tools.ts';
import { asQuoted } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { AGENT_NAMESPACES } from '../support/node/agent-namespaces.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { type Command, quickStart } from '../support/node/quick-start.ts';
import { helmOnNode, RELEASE } from '../support/node/release.ts';

/** What the README has the reader build: the node gets it under this name. */
const BUILD = 'docker build -t actiongrant:0.1.0 .';
const IMAGE = 'docker.io/library/actiongrant:0.1.0';
const TIMEOUT_MILLISECONDS = 180_000;
const SHOWN = { withinMilliseconds: 30_000, everyMilliseconds: 250 };

const cluster = new NodeCluster(inject('node'));

/** The release, and every namespace that it serves here or in other test files. */
async function takeAway(waiting: string): Promise<void> {
  await helmOnNode(cluster, ['uninstall', RELEASE, '--no-hooks', '--ignore-not-found']);
  const names = [...AGENT_NAMESPACES, 'shop', ...TEAMS.map(({ namespace }) => namespace)];
  const { code, stderr } = await cluster.kubectl(
    ['delete', 'namespace', ...names, '--ignore-not-found', waiting],
    { timeoutMilliseconds: 110_000 },
  );
  if (code !== 0) throw new Error(stderr);
}

// A cluster that is kept for many runs has them from an earlier one.
beforeAll(() => takeAway('--timeout=100s'));
afterAll(async () => {
  await takeAway('--wait=false');
  await cluster.disconnect();
});

interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs a program in the repository's root, as a shell there does that has the cluster's kubeconfig. */
function run(program: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, timeout: TIMEOUT_MILLISECONDS, maxBuffer: 16 * 1024 * 1024 };
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? -1 : 0;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

describe("the README's quick start", () => {
  const commands = quickStart();
  /** Of the commands so far. */
  let functions = '';

  async function paste({ text, prints }: Command): Promise<void> {
    if (/^\w+\(\)/.test(text)) functions += `${text}\n`;
    const { code, output } = await run('bash', '-c', `${functions}${text}`);
    expect({ text, code, output }).toMatchObject({ code: 0 });
    if (prints !== undefined) expect(output).toMatch(asQuoted(prints));
  }

  it('says of four commands what they print, and builds the image that the others run', () => {
    expect(commands.filter(({ prints }) => prints !== undefined)).toHaveLength(4);
    expect(commands[0]).toEqual({ text: BUILD, prints: undefined });
  });

  it('works as it is written, on a cluster that has never seen the product, and cleans up', {
    timeout: TIMEOUT_MILLISECONDS,
  }, async () => {
    await cluster.nameImage(cluster.productImage, IMAGE);
    for (const command of commands.slice(1)) {
      // Events are written behind the call's back.
      if (command.text.includes(' events ')) await eventually(() => paste(command), SHOWN);
      else await paste(command);
    }
    const left = await run('kubectl', 'get', 'namespaces,crds', '--output=name');
    expect(left.output).not.toMatch(/shop|actiongrant/);
  });
});

describe('the demo in pods', () => {
  it('tells five stories, and everything is as it tells', {
    timeout: TIMEOUT_MILLISECONDS,
  }, async () => {
    const { code, output } = await run(process.execPath, 'demo/main.ts', '--cluster');
    expect(output).toMatch(/^[1-9]\d* things checked, 0 not as told/m);
    expect(code).toBe(0);
  });
});
