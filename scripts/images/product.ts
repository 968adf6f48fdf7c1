import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../tools.ts';
import { ownNpm } from './debian.ts';
import { buildah, contentKey, IMAGE_CACHE, type Recipe } from './store.ts';

interface Build {
  /** The image it starts from. */
  readonly base: Recipe;
  /** Folder of the Dockerfile. */
  readonly source: string;
  readonly repository: string;
  /** What to tell somebody who waits for it. */
  readonly what: string;
}

/** The project's own Dockerfile on this base. */
export function productImage(base: Recipe): Recipe {
  return dockerfileImage({
    base,
    source: ROOT,
    repository: 'localhost/actiongrant',
    what: 'product image from the Dockerfile',
  });
}

/** A Dockerfile of ours, of this or an earlier tree. */
export function dockerfileImage({ base, source, repository, what }: Build): Recipe {
  const paths = imageSources(readFileSync(join(source, '.dockerignore'), 'utf8'));
  const sources = paths.flatMap((path) => contents(source, path));
  const name = `${repository}:${contentKey([base.name, ...sources])}`;
  return {
    name,
    what: `${what} (about 40 s, or 15 s with npm packages cached)`,
    base,
    async build() {
      await removeEarlier(repository);
      await build(base.name, source, name);
    },
  };
}

async function build(base: string, source: string, name: string): Promise<void> {
  const folder = mkdtempSync(join(IMAGE_CACHE, 'npm-'));
  try {
    const arguments_ = [
      'bud',
      '--quiet',
      '--layers',
      '--isolation=chroot',
      '--network=host',
      `--build-arg=NODE_IMAGE=${base}`,
      ...npmVolumes(folder).map((volume) => `--volume=${volume}`),
      `--tag=${name}`,
      source,
    ];
    await buildah(arguments_);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** npm in the build goes where npm on this machine goes, and trusts what that trusts; none of it stays in the image. */
function npmVolumes(folder: string): string[] {
  const npmrc = join(folder, 'npmrc');
  const authority = process.env['NODE_EXTRA_CA_CERTS'];
  const lines = [`registry=${npmSetting('registry')}`, 'prefer-offline=true'];
  const volumes = [`${npmrc}:/root/.npmrc:ro`];
  if (authority) {
    lines.push('cafile=/run/build-ca.crt');
    volumes.push(`${authority}:/run/build-ca.crt:ro`);
  }
  writeFileSync(npmrc, `${lines.join('\n')}\n`, { mode: 0o600 });
  const cache = npmSetting('cache');
  return statSync(cache, { throwIfNoEntry: false }) ? [...volumes, `${cache}:/root/.npm`] : volumes;
}

function npmSetting(name: string): string {
  const npm = join(ownNpm(), 'bin/npm-cli.js');
  return execFileSync(process.execPath, [npm, '--loglevel=error', 'config', 'get', name], {
    cwd: ROOT,
    encoding: 'utf8',
  }).trim();
}

/** Each build is some 30 MB of the store, and only the current one is used. */
async function removeEarlier(repository: string): Promise<void> {
  const names = await buildah([
    'images',
    '--format={{.Name}}:{{.Tag}}',
    '--noheading',
    '--filter=dangling=false',
  ]);
  for (const name of names.split('\n')) {
    if (name.startsWith(`${repository}:`)) await buildah(['rmi', name]);
  }
}

/** The files below a path of a folder, each name followed by its content. */
function contents(folder: string, path: string): (string | Buffer)[] {
  const files = statSync(join(folder, path)).isDirectory()
    ? globSync(`${path}/**/*`, { cwd: folder })
    : [path];
  return files
    .filter((file) => statSync(join(folder, file)).isFile())
    .sort()
    .flatMap((file) => [file, readFileSync(join(folder, file))]);
}

/** Everything that an image is built from: .dockerignore leaves everything out and then names what is let in. */
export function imageSources(dockerignore: string): string[] {
  const letIn = dockerignore.split('\n').filter((line) => line.startsWith('!'));
  return ['.dockerignore', 'Dockerfile', ...letIn.map((line) => line.slice(1))];
}
