// Makes sure that a cluster's programs are there, and builds the missing ones from the Go modules under
// tools/. Usage: provide-tools.ts [--check] [name…]; all that this machine can use when none is named:
// those of a node only where one can run. --check builds nothing and fails if one is missing.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
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
  for (const name of needed) console.log(`${name}: ${findTool(name)}`);
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
  await withLock(`${target}.lock`, () => {
    if (missing(module, needed).length > 0) build(module, target);
  });
}

/** Builds one module's programs aside and renames each into place: none is ever half there. */
function build(module: ToolModule, target: string): void {
  const programs = [...module.programs];
  const names = programs.map(([name]) => name).join(' and ');
  console.log(`building ${names}: ${module.expected} on two cores, once per version`);
  const started = performance.now();
  const aside = mkdtempSync(`${target}.building-`);
  try {
    for (const [name, importPath] of programs) goBuild(module, importPath, join(aside, name));
    mkdirSync(target, { recursive: true });
    for (const [name] of programs) renameSync(join(aside, name), join(target, name));
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`built ${names} in ${seconds} s: ${basename(target)}`);
}

function goBuild(module: ToolModule, importPath: string, output: string): void {
  const flags = ['-trimpath', '-ldflags', linkerFlags(module), '-o', output];
  const result = spawnSync('go', ['build', ...flags, importPath], {
    cwd: join(ROOT, 'tools', module.folder),
    env: { ...process.env, CGO_ENABLED: '0' },
    stdio: 'inherit',
  });
  if (result.error) {
    throw new Error(
      'Go is needed to build the test tools (https://go.dev/doc/install), or set ' +
        'KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl',
      { cause: result.error },
    );
  }
  if (result.status !== 0) throw new Error(`go build ${importPath} failed`);
}
