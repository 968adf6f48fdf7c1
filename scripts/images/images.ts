import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../lock.ts';
import { agentImage, baseImage, pauseImage, rivalsImage } from './debian.ts';
import { layoutPath, makeLayout } from './layout.ts';
import { previousImage, previousRelease } from './previous.ts';
import { productImage } from './product.ts';
import { IMAGE_CACHE, provideAll, type Recipe } from './store.ts';

/** Names under which the node knows them, whatever their content. */
export const PAUSE_IMAGE = 'localhost/actiongrant-test/pause:latest';
export const AGENT_IMAGE = 'localhost/actiongrant-test/agent:latest';
export const PREVIOUS_IMAGE = 'localhost/actiongrant-test/previous:latest';
export const RIVALS_IMAGE = 'localhost/actiongrant-test/rivals:latest';

export interface NodeImages {
  /** OCI layout with all of them. */
  readonly layout: string;
  /** The product's; its tag changes with its content. Undefined if it was not asked for. */
  readonly product: string | undefined;
}

/**
 * Builds the images that the end-to-end tests' node runs, as far as they are not in the cache.
 *
 * @param product false leaves the product out: a node to look at while its sources don't compile
 * @param previous adds the previous landing's, if this clone's history has it
 * @param rivals adds the proxies that benchmarks compare with
 * @throws Error with what a build says
 */
export async function provideImages({
  product = true,
  previous = false,
  rivals = false,
} = {}): Promise<NodeImages> {
  const base = baseImage();
  const ours = product ? productImage(base) : undefined;
  const release = previous ? previousRelease() : undefined;
  const tagged = new Map<string, Recipe>([
    [PAUSE_IMAGE, pauseImage(base)],
    [AGENT_IMAGE, agentImage()],
    ...(ours === undefined ? [] : [[ours.name, ours] as const]),
    ...(release === undefined ? [] : [[PREVIOUS_IMAGE, previousImage(base, release)] as const]),
    ...(rivals ? [[RIVALS_IMAGE, rivalsImage()] as const] : []),
  ]);
  const names = new Map([...tagged].map(([tag, { name }]) => [tag, name]));
  const layout = layoutPath(names);
  if (!existsSync(layout)) {
    await withLock(join(IMAGE_CACHE, 'lock'), async () => {
      // Another process may have made it meanwhile.
      if (existsSync(layout)) return;
      await provideAll([...tagged.values()]);
      await makeLayout(layout, names);
    });
  }
  return { layout, product: ours?.name };
}
