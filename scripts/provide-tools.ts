// Makes sure that a cluster's programs are there, and builds the missing ones from the Go modules under
// tools/, with one line for each and its time. Usage: provide-tools.ts [--check] [name…]; all that this
// machine can use when none is named: those of a node only where one can run. --check builds nothing and
// fails if one is missing.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { whyNoNode } from '../test/support/node/requirements.ts';
import { withLock } from './lock.ts';
import {
  cacheDirectory,
  findTool,
  isNodeTool,
  linkerFlags,
  ROOT,
  TOOL_MODULES,
  type ToolModule,
  type ToolName,
} from './tools.ts';

await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

async function main(args: readonly string[]): Promise<void> {
  const checkOnly = args.includes('--check');
  const wanted = args.filter((arg) => arg !== '--check');
  const names = TOOL_MODULES.flatMap((module) => [...module.programs.keys()]);
  const unknown = wanted.find((name) => !names.some((known) => known === name));
  if (unknown) throw new Error(`no such tool: ${unknown} (there are ${names.join(', ')})`);

  const needed =
    wanted.length === 0 ? usable(names) : names.filter((name) => wanted.includes(name));
  if (checkOnly) {
    process.exitCode = needed.every((name) => findTool(name)) ? 0 : 1;
    return;
  }
  for (const module of TOOL_MODULES) {
    if (missing(module, needed).length > 0) await buildOnce(module, needed);
  }
}

function usable(names: readonly ToolName[]): ToolName[] {
  const node = whyNoNode() === undefined;
  return names.filter((name) => node || !isNodeTool(name));
}

function missing(module: ToolModule, needed: readonly ToolName[]): ToolName[] {
  return needed.filter((name) => module.programs.has(name) && !findTool(name));
}

/** Builds under a lock, so a second run waits for the first one's result. */
async function buildOnce(module: ToolModule, needed: readonly ToolName[]): Promise<void> {
  const target = cacheDirectory(module);
  await withLock(`${target}.lock`, async () => {
    if (missing(module, needed).length > 0) await build(module, target);
  });
}

/** Builds one module's programs aside and renames each into place: none is ever half there. */
async function build(module: ToolModule, target: string): Promise<void> {
  const programs = [...module.programs];
  const names = programs.map(([name]) => name).join(', ');
  console.log(`building ${names}: ${module.expected} on two cores, once per version`);
  const aside = mkdtempSync(`${target}.building-`);
  const clean = () => rmSync(aside, { recursive: true, force: true });
  // An interrupted build exits from within.
  process.once('exit', clean);
  try {
    for (const [name, importPath] of programs) {
      const started = performance.now();
      await goBuild(module, importPath, join(aside, name));
      console.log(`  ${name}: ${Math.round((performance.now() - started) / 1000)} s`);
    }
    mkdirSync(target, { recursive: true });
    for (const [name] of programs) renameSync(join(aside, name), join(target, name));
  } finally {
    process.off('exit', clean);
    clean();
  }
}

/** @throws Error with what Go said */
async function goBuild(module: ToolModule, importPath: string, output: string): Promise<void> {
  const flags = ['-trimpath', '-ldflags', linkerFlags(module), '-o', output];
  const child = spawn('go', ['build', ...flags, importPath], {
    cwd: join(ROOT, 'tools', module.folder),
    env: { ...process.env, CGO_ENABLED: '0' },
    // A line for each of hundreds of downloads, and the errors: told if there is one.
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const end = () => child.kill('SIGINT');
  process.once('exit', end);
  try {
    const [told, code] = await Promise.all([text(child.stderr), exitCode(child)]);
    if (code !== 0) throw new Error(`go build ${importPath} failed:\n${told}`);
  } finally {
    process.off('exit', end);
  }
}

/** Null: ended by a signal. @throws Error if Go cannot be started */
async function exitCode(child: ChildProcess): Promise<number | null> {
  try {
    const [code] = await once(child, 'close');
    return code;
  } catch (cause) {
    throw new Error(
      'Go is needed to build the test tools (https://go.dev/doc/install), or set ' +
        'KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl',
      { cause },
    );
  }
}
