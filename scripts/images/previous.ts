import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../tools.ts';
import { dockerfileImage } from './product.ts';
import { IMAGE_CACHE, type Recipe } from './store.ts';

/** What was landed last: upgrades are tested from here. Every landing moves it to the one before. */
const PREVIOUS_LANDING = '0c3ac40ed4d0b67a3713a6bce48e698dfeee4b5b';

const WHAT_A_RELEASE_HAS = [
  '.dockerignore',
  'Dockerfile',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'api',
  'process',
  'controller',
  'sidecar',
  'charts',
  'docs/examples',
];

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
  const archive = execFileSync('git', ['archive', PREVIOUS_LANDING, ...WHAT_A_RELEASE_HAS], {
    cwd: ROOT,
    maxBuffer: 64 * 1024 * 1024,
  });
  execFileSync('tar', ['-x', '-C', aside], { input: archive });
  renameSync(aside, folder);
  return folder;
}

/** Its image, from its own Dockerfile. */
export function previousImage(base: string, release: string): Recipe {
  return dockerfileImage({
    base,
    source: release,
    repository: 'localhost/actiongrant-test/previous',
    what: 'image of the previous landing',
  });
}

function isInHistory(): boolean {
  try {
    execFileSync('git', ['cat-file', '-e', `${PREVIOUS_LANDING}^{commit}`], {
      cwd: ROOT,
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
