import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../tools.ts';

/** Where images and what is made on the way to them are kept, from one run to the next. */
export const IMAGE_CACHE = join(
  process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
  'actiongrant',
  'images',
);

/** Arguments of setpriv for a program that ends with this process, however that ends. */
export const TIED = ['--pdeathsig', 'TERM'] as const;

const run = promisify(execFile);

/**
 * Runs buildah on a store of our own; resolves with what it printed. A build that fails leaves its mounts, so they are made
 * in a mount namespace that ends with it. It ends with this process.
 *
 * @throws Error with what it says
 */
export async function buildah(args: readonly string[]): Promise<string> {
  mkdirSync(IMAGE_CACHE, { recursive: true });
  const command = ['unshare', '--mount', 'buildah', ...storeFlags(), ...args];
  const options = { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await run('setpriv', [...TIED, ...command], options);
  return stdout.trim();
}

/** Short digest of everything an image is made from. */
export function contentKey(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(createHash('sha256').update(part).digest());
  return hash.digest('hex').slice(0, 16);
}

/** How to make an image. Its name says what it is made from, so an image of that name is never out of date. */
export interface Recipe {
  readonly name: string;
  /** What to tell somebody who waits for it. */
  readonly what: string;
  /** The image it starts from, if that is one of ours. */
  readonly base?: Recipe;
  /** @throws Error with what the builder says */
  build(): Promise<void>;
}

/** Builds what the store does not have of these images and their bases, at the same time as far as it can. */
export async function provideAll(recipes: readonly Recipe[]): Promise<void> {
  // A build that failed leaves a container, which would keep its image.
  await buildah(['rm', '--all']);
  await eachAfterItsBase(recipes, provide);
}

/** Does this once with each image and with each base, at the same time but for an image and its base. */
export async function eachAfterItsBase(
  recipes: readonly Recipe[],
  act: (recipe: Recipe) => Promise<void>,
): Promise<void> {
  const acted = new Map<string, Promise<void>>();
  const once = (recipe: Recipe): Promise<void> => {
    const known = acted.get(recipe.name) ?? afterItsBase(recipe);
    acted.set(recipe.name, known);
    return known;
  };
  const afterItsBase = async (recipe: Recipe): Promise<void> => {
    if (recipe.base !== undefined) await once(recipe.base);
    await act(recipe);
  };
  await Promise.all(recipes.map(once));
}

/** Builds an image unless the store has it, and says how long that took. */
async function provide({ name, what, build }: Recipe): Promise<void> {
  if (hasImage(name)) return;
  console.log(`images: ${what}…`);
  const started = performance.now();
  await build();
  console.log(`images: ${what}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

function hasImage(name: string): boolean {
  const { status } = spawnSync('buildah', [...storeFlags(), 'inspect', '--type=image', name]);
  return status === 0;
}

function storeFlags(): string[] {
  return [
    `--root=${join(IMAGE_CACHE, 'store')}`,
    `--runroot=${join(IMAGE_CACHE, 'run')}`,
    '--storage-driver=overlay',
  ];
}
