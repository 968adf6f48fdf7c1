import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../tools.ts';

/** Where images and what is made on the way to them are kept, from one run to the next. */
export const IMAGE_CACHE = join(
  process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
  'actiongrant',
  'images',
);

/**
 * Runs buildah on a store of our own; returns what it printed. A build that fails leaves its mounts, so they are made in a
 * mount namespace that ends with it.
 *
 * @throws Error with what it says
 */
export function buildah(args: readonly string[]): string {
  mkdirSync(IMAGE_CACHE, { recursive: true });
  return execFileSync('unshare', ['--mount', 'buildah', ...storeFlags(), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
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
  /** @throws Error with what the builder says */
  build(): void;
}

/** Builds an image unless the store has it, and says how long that took. */
export function provide({ name, what, build }: Recipe): void {
  if (hasImage(name)) return;
  console.log(`images: ${what}…`);
  const started = performance.now();
  build();
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
