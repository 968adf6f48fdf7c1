import { createHash } from 'node:crypto';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** A program the tests and the demo need that is built from published Go modules. */
export type ToolName = 'kube-apiserver' | 'kubectl' | 'etcd' | 'helm' | NodeToolName;

/** The rest of a cluster with a node: end-to-end tests need them, and only on Linux as root. */
export type NodeToolName = (typeof NODE_TOOLS)[number];

const NODE_TOOLS = [
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'coredns',
] as const;

export function isNodeTool(name: ToolName): name is NodeToolName {
  return NODE_TOOLS.some((tool) => tool === name);
}

/** One Go module under tools/ and the programs that come out of it. */
export interface ToolModule {
  /** Folder under tools/ with the go.mod that pins every version. */
  readonly folder: string;
  readonly programs: ReadonlyMap<ToolName, string>;
  /** Module whose version is stamped into the programs, as upstream's own build does. */
  readonly stamped?: string;
  /** What to expect on two cores with a cold build cache. */
  readonly expected: string;
}

export const ROOT = findRoot(import.meta.dirname);
const TOOLS = join(ROOT, 'tools');
const KUBERNETES = kubernetesFolder(process.env['KUBERNETES']);

export const TOOL_MODULES: readonly ToolModule[] = [
  {
    folder: KUBERNETES,
    programs: new Map([
      ['kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver'],
      ['kubectl', 'k8s.io/kubernetes/cmd/kubectl'],
    ]),
    stamped: 'k8s.io/kubernetes',
    expected: 'about 4 minutes',
  },
  {
    folder: KUBERNETES,
    programs: new Map([
      ['kube-controller-manager', 'k8s.io/kubernetes/cmd/kube-controller-manager'],
      ['kube-scheduler', 'k8s.io/kubernetes/cmd/kube-scheduler'],
      ['kubelet', 'k8s.io/kubernetes/cmd/kubelet'],
      ['kube-proxy', 'k8s.io/kubernetes/cmd/kube-proxy'],
    ]),
    stamped: 'k8s.io/kubernetes',
    expected: 'about 2 minutes after kube-apiserver',
  },
  {
    folder: 'etcd',
    programs: new Map([['etcd', 'go.etcd.io/etcd/server/v3']]),
    expected: 'about 1 minute',
  },
  {
    folder: 'helm',
    programs: new Map([['helm', 'helm.sh/helm/v4/cmd/helm']]),
    expected: 'about 2 minutes',
  },
  {
    folder: 'coredns',
    programs: new Map([['coredns', '.']]),
    expected: 'about 2 minutes',
  },
];

/**
 * The folder under tools/ of the Kubernetes that is asked for by its minor version, such as `1.33`; of the one that we develop on
 * if none is. `make test KUBERNETES=1.33` sets it.
 *
 * @throws Error if there is no such folder
 */
export function kubernetesFolder(minor: string | undefined): string {
  const ours = requiredVersion('kubernetes', 'k8s.io/kubernetes');
  if (!minor || ours.startsWith(`v${minor}.`)) return 'kubernetes';
  const others = readdirSync(TOOLS).filter((name) => name.startsWith('kubernetes-'));
  const folder = `kubernetes-${minor}`;
  if (others.includes(folder)) return folder;
  const minors = [ours.slice(1).split('.', 2).join('.'), ...others.map((name) => name.slice(11))];
  throw new Error(`KUBERNETES=${minor}: there are ${minors.sort().join(', ')} (tools/)`);
}

/** The folder of package.json, wherever this file runs from: the source tree or dist/. */
function findRoot(from: string): string {
  const parent = join(from, '..');
  if (isReadable(join(from, 'package.json'))) return from;
  if (parent === from) throw new Error(`no package.json above ${import.meta.dirname}`);
  return findRoot(parent);
}

/** Where a module's programs are cached: the key changes with go.mod, go.sum and the build flags. */
export function cacheDirectory(module: ToolModule, env = process.env): string {
  const base = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) {
    hash.update(readFileSync(join(TOOLS, module.folder, file)));
  }
  hash.update(linkerFlags(module));
  const key = `${process.platform}-${process.arch}-${hash.digest('hex').slice(0, 16)}`;
  return join(base, 'actiongrant', 'tools', `${module.folder}-${key}`);
}

/** `-ldflags` of the build: no symbols, and the version that `--version` and /version report. */
export function linkerFlags(module: ToolModule): string {
  if (!module.stamped) return '-s -w';
  const version = requiredVersion(module.folder, module.stamped);
  const [major, minor] = version.slice(1).split('.');
  return [
    '-s -w',
    `-X k8s.io/component-base/version.gitVersion=${version}`,
    `-X k8s.io/component-base/version.gitMajor=${major}`,
    `-X k8s.io/component-base/version.gitMinor=${minor}`,
    `-X k8s.io/client-go/pkg/version.gitVersion=${version}`,
  ].join(' ');
}

function requiredVersion(folder: string, modulePath: string): string {
  const file = readFileSync(join(TOOLS, folder, 'go.mod'), 'utf8');
  const line = file
    .split('\n')
    .find((l) => l.replace('require ', '').trim().startsWith(`${modulePath} v`));
  const version = line?.trim().match(/ (v[0-9]+\.[0-9]+\.[0-9]+\S*)/)?.[1];
  if (!version) throw new Error(`tools/${folder}/go.mod does not require ${modulePath}`);
  return version;
}

/** Programs whose version on this machine is as good as ours. */
const FROM_PATH: readonly ToolName[] = ['helm'];

/** Where a tool is, or undefined: KUBEBUILDER_ASSETS comes first, then the cache, then PATH. */
export function findTool(name: ToolName, env = process.env): string | undefined {
  const module = TOOL_MODULES.find((m) => m.programs.has(name));
  const folders = [
    env['KUBEBUILDER_ASSETS'],
    module && cacheDirectory(module, env),
    ...(FROM_PATH.includes(name) ? (env['PATH'] ?? '').split(delimiter) : []),
  ];
  return folders.flatMap((folder) => (folder ? [join(folder, name)] : [])).find(isExecutable);
}

/** Where a tool is; a tool that is missing is an error that says how to get it. */
export function toolPath(name: ToolName): string {
  const path = findTool(name);
  if (!path) throw new Error(`${name} is not built yet: run "make tools" (see KUBEBUILDER_ASSETS)`);
  return path;
}

function isExecutable(path: string): boolean {
  return isAccessible(path, constants.X_OK);
}

function isReadable(path: string): boolean {
  return isAccessible(path, constants.R_OK);
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
