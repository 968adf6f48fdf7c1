import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { ROOT } from '../../../scripts/tools.ts';

/** Each test is about how a process ends, so each has a process of its own. */
const SETUP = `
import { createLogger } from './process/log.ts';
import { onShutdown } from './process/shutdown.ts';
const log = createLogger({ level: 'info', fields: {}, now: Date.now, write: (line) => process.stdout.write(line) });
const say = (text) => process.stdout.write(text + '\\n');
const exit = (code) => process.exit(code);
setInterval(() => {}, 1000);
`;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts the code; `signals` are sent, one after the other, each when \`say\` has said so. */
async function run(code: string, ...signals: NodeJS.Signals[]) {
  const child = spawn(
    process.execPath,
    ['--input-type=module-typescript', '--eval', SETUP + code],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  const output = text(child.stdout);
  child.stdout.on('data', (chunk: Buffer) => {
    for (const _ of String(chunk).match(/^now$/gm) ?? []) child.kill(signals.shift());
  });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  const lines = (await output).split('\n').filter((line) => line !== '' && line !== 'now');
  return { exitCode, said: lines.filter((line) => !line.startsWith('{')), logged: lines.join() };
}

describe('a shutdown', { timeout: 20_000 }, () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s runs the steps in order and ends well',
    async (signal) => {
      const { exitCode, said, logged } = await run(
        `onShutdown({ log, exit, timeoutMilliseconds: 5000, steps: [
        { name: 'a', run: async () => { await new Promise((r) => setTimeout(r, 50)); say('a'); } },
        { name: 'b', run: () => say('b') },
      ] });
      say('now');`,
        signal,
      );
      expect(exitCode).toBe(0);
      expect(said).toEqual(['a', 'b']);
      expect(logged).toContain(`"message":"the process is shutting down","reason":"${signal}"`);
    },
  );

  it('runs once, however often it is asked for', async () => {
    const { exitCode, said } = await run(
      `onShutdown({ log, exit, timeoutMilliseconds: 5000, steps: [
        { name: 'a', run: async () => { say('a'); say('now'); await new Promise((r) => setTimeout(r, 100)); } },
      ] });
      say('now');`,
      'SIGTERM',
      'SIGTERM',
    );
    expect(exitCode).toBe(0);
    expect(said).toEqual(['a']);
  });

  it('logs a step that fails, and takes the next', async () => {
    const { exitCode, said, logged } = await run(
      `onShutdown({ log, exit, timeoutMilliseconds: 5000, steps: [
        { name: 'a', run: () => { throw new Error('no'); } },
        { name: 'b', run: () => Promise.reject(new Error('neither')) },
        { name: 'c', run: () => say('c') },
      ] })('the lease was lost');`,
    );
    expect(exitCode).toBe(0);
    expect(said).toEqual(['c']);
    expect(logged).toContain('"reason":"the lease was lost"');
    expect(logged).toContain('"step":"a","error":{"name":"Error","message":"no"}');
    expect(logged).toContain('"step":"b"');
  });

  it('ends the process when a step takes too long, and says so', async () => {
    const { exitCode, logged } = await run(
      `onShutdown({ log, exit, timeoutMilliseconds: 50, steps: [
        { name: 'a', run: () => new Promise(() => {}) },
      ] })('test');`,
    );
    expect(exitCode).toBe(1);
    expect(logged).toContain('the shutdown took too long');
  });

  it('for a failure ends with the code of its reason', async () => {
    const { exitCode } = await run(
      `onShutdown({ log, exit, timeoutMilliseconds: 5000, steps: [] })('failed', 3);`,
    );
    expect(exitCode).toBe(3);
  });
});
