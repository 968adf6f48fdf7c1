import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ROOT, toolPath } from '../tools.ts';
import { buildah, contentKey, IMAGE_CACHE, type Recipe, TIED } from './store.ts';

const SUITE = 'bookworm';
/** Left out: nothing reads it in a test. */
const UNREAD = [
  '/usr/share/doc/*',
  '/usr/share/man/*',
  '/usr/share/locale/*',
  '/usr/share/info/*',
  // The archive of classes for heaps that no test has.
  '/usr/lib/jvm/*/lib/server/classes_nocoops.jsa',
];

/** What the product's Dockerfile expects of NODE_IMAGE, and nft. */
const BASE_PACKAGES = ['nftables', 'ca-certificates', 'libstdc++6'];

/** The clients that agents have, and an attacker's tools. */
const AGENT_PACKAGES = [
  'bind9-dnsutils',
  'ca-certificates',
  'curl',
  'git',
  'iproute2',
  'iputils-ping',
  'libcap2-bin',
  'libstdc++6',
  'netcat-openbsd',
  'nftables',
  'openjdk-17-jre-headless',
  'openssl',
  'procps',
  'python3-kubernetes',
  'python3-pip',
  'python3-requests',
  'wget',
];

/** What `make bench-e2e` compares with, and its load. */
const RIVAL_PACKAGES = [
  'ca-certificates',
  'curl',
  'libstdc++6',
  'mitmproxy',
  'nftables',
  'openssl',
  'squid-openssl',
  'wrk',
];

/** A file or directory of this machine that an image gets. */
interface Addition {
  readonly from: string;
  readonly to: string;
}

const NODE = join(ROOT, 'node_modules/node/bin/node');
const LINK_NPM = 'ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"';
/** update-alternatives fails where it cannot link the manual pages that are left out; Java's package calls it. */
const MAKE_MANUAL = 'mkdir -p "$1/usr/share/man/man1"';

/** Debian, this project's Node and npm: what `node:24-bookworm-slim` is, without a registry. */
export function baseImage(): Recipe {
  return debianImage('base', BASE_PACKAGES, nodeAndNpm(), [LINK_NPM]);
}

/** What tests' agents run in. */
export function agentImage(): Recipe {
  const additions = [...nodeAndNpm(), { from: toolPath('kubectl'), to: '/usr/local/bin/kubectl' }];
  return debianImage('agent', AGENT_PACKAGES, additions, [LINK_NPM]);
}

/** Other proxies that end TLS, a load generator, and Node. */
export function rivalsImage(): Recipe {
  return debianImage('rivals', RIVAL_PACKAGES, [{ from: NODE, to: '/usr/local/bin/node' }], []);
}

/** A container that does nothing, for a pod's namespaces. */
export function pauseImage(base: Recipe): Recipe {
  const name = `localhost/actiongrant-test/pause:${contentKey([base.name])}`;
  return {
    name,
    what: 'pause image',
    base,
    async build() {
      const container = await buildah(['from', base.name]);
      const entrypoint = JSON.stringify(['/usr/bin/sleep', 'infinity']);
      await buildah(['config', `--entrypoint=${entrypoint}`, '--cmd=', container]);
      await buildah(['commit', '--quiet', '--rm', container, name]);
    },
  };
}

function nodeAndNpm(): Addition[] {
  return [
    { from: NODE, to: '/usr/local/bin/node' },
    { from: ownNpm(), to: '/usr/local/lib/node_modules/npm' },
  ];
}

function debianImage(
  image: string,
  packages: readonly string[],
  additions: readonly Addition[],
  hooks: readonly string[],
): Recipe {
  const versions = [process.version, ...additions.map(({ from }) => versionOf(from))];
  const key = contentKey([
    SUITE,
    ...packages,
    ...versions,
    JSON.stringify(hooks),
    MAKE_MANUAL,
    ...UNREAD,
  ]);
  const name = `localhost/actiongrant-test/${image}:${key}`;
  return {
    name,
    what: `${image} image from Debian packages (about a minute)`,
    async build() {
      mkdirSync(IMAGE_CACHE, { recursive: true });
      const folder = mkdtempSync(join(IMAGE_CACHE, `${image}-`));
      try {
        const tar = join(folder, 'root.tar');
        await debootstrap(packages, additions, hooks, tar);
        const container = await buildah(['from', 'scratch']);
        await buildah(['add', '--quiet', container, tar, '/']);
        await buildah(['config', '--cmd=/bin/sh', container]);
        await buildah(['commit', '--quiet', '--rm', container, name]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

async function debootstrap(
  packages: readonly string[],
  additions: readonly Addition[],
  hooks: readonly string[],
  tar: string,
): Promise<void> {
  const copies = additions.map(
    ({ from, to }) => `mkdir -p "$1${dirname(to)}" && cp -rL '${from}' "$1${to}"`,
  );
  const child = spawn(
    'setpriv',
    [
      ...TIED,
      'mmdebstrap',
      '--quiet',
      '--variant=essential',
      `--include=${packages.join(',')}`,
      `--essential-hook=${MAKE_MANUAL}`,
      ...UNREAD.map((path) => `--dpkgopt=path-exclude=${path}`),
      ...[...copies, ...hooks].map((hook) => `--customize-hook=${hook}`),
      SUITE,
      tar,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`mmdebstrap failed (${code})`);
}

/** npm's own package, as bootstrap.sh fetched it: Debian's npm is spread over hundreds of packages. */
export function ownNpm(): string {
  const [found] = globSync('.cache/npm-*/node_modules/npm/package.json', { cwd: ROOT });
  if (found === undefined) throw new Error('npm is missing below .cache: run "make bootstrap"');
  return join(ROOT, dirname(found));
}

/** Says which version of it this is, without reading all of it. */
function versionOf(path: string): string {
  if (path === NODE) return process.version;
  if (basename(path) === 'npm') return readFileSync(join(path, 'package.json'), 'utf8');
  return basename(dirname(path));
}
