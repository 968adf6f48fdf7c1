import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';

/** Applies every CustomResourceDefinition under crds/ and waits until its resources are served. */
export async function installCrds(plane: ControlPlane): Promise<void> {
  const files = readdirSync(join(ROOT, 'crds')).map(
    (name) => `--filename=${join(ROOT, 'crds', name)}`,
  );
  await succeed(plane, ['apply', '--server-side', '--force-conflicts', ...files]);
  // kubectl 1.36 fails on a definition that has no conditions yet, instead of waiting.
  await eventually(() =>
    succeed(plane, ['wait', '--for=condition=Established', '--timeout=30s', ...files]),
  );
}

async function succeed(plane: ControlPlane, args: readonly string[]): Promise<void> {
  const { code, stderr } = await plane.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args[0]} ended with ${code}: ${stderr}`);
}
