import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../scripts/tools.ts';
import { apply, type Manifest, untilEstablished } from './apply.ts';
import type { ControlPlane } from './control-plane.ts';

/** Applies every CustomResourceDefinition under crds/ and waits until its resources are served. */
export async function installCrds(plane: ControlPlane): Promise<void> {
  const crds = readdirSync(join(ROOT, 'crds')).map(
    (name): Manifest => parse(readFileSync(join(ROOT, 'crds', name), 'utf8')),
  );
  await apply(plane, crds);
  await Promise.all(crds.map(({ metadata }) => untilEstablished(plane, metadata.name)));
}
