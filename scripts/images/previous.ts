import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { putInPlace } from '../put-in-place.ts';
import { ROOT } from '../tools.ts';
import { dockerfileImage, imageSources } from './product.ts';
import { IMAGE_CACHE, type Recipe } from './store.ts';

/** What was landed last: upgrades are tested from here. Every landing moves it to the one before. */
const PREVIOUS_LANDING = 'aab2a6b78d71bcd4d91c3da7eaaeaeec62ce7b8b';

/** What a release has beside its image: what an administrator installs, and what the documentation has them apply. */
const BESIDE_THE_IMAGE = ['charts', 'docs/examples'];

/**
 * The sources, the chart and the examples of the previous landing, in a folder of the cache. Undefined, which it says, if
 * this clone has too little history.
 *
 * @throws Error the same where CI=true
 */
export function previousRelease(): string | undefined {
  const folder = join(IMAGE_CACHE, `previous-${PREVIOUS_LANDING}`);
  if (existsSync(folder)) return folder;
  if (!isInHistory()) {
    const why = `upgrades can't be tested: commit ${PREVIOUS_LANDING} is not in this clone (git fetch --unshallow)`;
    if (process.env['CI'] === 'true') throw new Error(why);
    console.warn(why);
    return undefined;
  }
  mkdirSync(IMAGE_CACHE, { recursive: true });
  const aside = mkdtempSync(`${folder}.`);
  const paths = imageSources(git('show', `${PREVIOUS_LANDING}:.dockerignore`).toString());
  const archive = git('archive', PREVIOUS_LANDING, ...paths, ...BESIDE_THE_IMAGE);
  execFileSync('tar', ['-x', '-C', aside], { input: archive });
  putInPlace(aside, folder);
  return folder;
}

/** Its image, from its own Dockerfile. */
export function previousImage(base: Recipe, release: string): Recipe {
  return dockerfileImage({
    base,
    source: release,
    repository: 'localhost/actiongrant-test/previous',
    what: 'image of the previous landing',
  });
}

function isInHistory(): boolean {
  try {
    git('cat-file', '-e', `${PREVIOUS_LANDING}^{commit}`);
    return true;
  } catch {
    return false;
  }
}

/** What git prints. @throws Error with what it says */
function git(...args: readonly string[]): Buffer {
  return execFileSync('git', args, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024, stdio: 'pipe' });
}
