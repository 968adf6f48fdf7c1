// Keeps the arrows between the folders pointing one way, and ambient state where it belongs.
// Run without arguments it checks the source tree and prints what it found.
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT } from './tools.ts';

/** A line that breaks a rule. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** What the files of a folder may import: `folder/`, `node:` (or one module of it), `npm:`. */
interface Arrow {
  readonly from: string;
  readonly to: readonly string[];
}

/** The folders that are shipped. test/, scripts/ and demo/ may import anything. */
export const ARROWS: readonly Arrow[] = [
  { from: 'core/', to: ['core/', 'node:', 'npm:'] },
  { from: 'process/', to: ['process/', 'core/', 'node:', 'npm:'] },
  { from: 'sidecar/', to: ['sidecar/', 'process/', 'core/', 'node:', 'npm:'] },
  { from: 'controller/', to: ['controller/', 'process/', 'core/', 'node:', 'npm:'] },
  { from: 'cli/', to: ['cli/', 'process/', 'core/', 'node:', 'npm:'] },
];

/** Imports that one folder keeps to itself. */
const RESERVED = [{ target: 'npm:@kubernetes/client-node', folder: 'core/kubernetes/' }];

/** What shipped code may only say in one place, or, without `allowed`, nowhere in that folder. */
const AMBIENT = [
  {
    folder: '',
    allowed: 'process/config.ts',
    text: /\bprocess\.env\b|\benv\b.*from 'node:process'/,
    message: 'only process/config.ts reads the environment',
  },
  {
    folder: 'core/api/',
    allowed: undefined,
    text: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bMath\.random\(|\bset(Timeout|Interval)\(/,
    message: 'core/api/ is pure: time and chance are parameters',
  },
  {
    folder: 'core/api/',
    allowed: undefined,
    text: /\bprocess\.[a-z]|\bfetch\(|\bconsole\./,
    message: 'core/api/ is pure: it does no I/O and knows no process',
  },
];

/** Static imports and re-exports; the formatter puts each at the start of a line. */
const STATIC = /^(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*(?:'([^']+)')?/g;

/** Every rule that a source file breaks. `path` is relative to the repository's root. */
export function checkSource(path: string, source: string): Violation[] {
  const arrow = ARROWS.find(({ from }) => path.startsWith(from));
  if (!arrow) return [];
  const code = blankComments(source);
  return [...checkImports(path, code, arrow), ...checkAmbient(path, code)].sort(
    (a, b) => a.line - b.line,
  );
}

function checkImports(path: string, code: string, arrow: Arrow): Violation[] {
  const found = [...code.matchAll(STATIC), ...code.matchAll(DYNAMIC)];
  return found.flatMap((match) => {
    const message = judge(path, match[1], arrow);
    return message ? [{ path, line: lineOf(code, match.index), message }] : [];
  });
}

function judge(path: string, specifier: string | undefined, arrow: Arrow): string | undefined {
  if (specifier === undefined) return 'imports what only a run can tell';
  const target = resolve(path, specifier);
  if (!arrow.to.some((allowed) => target.startsWith(allowed))) {
    return `${arrow.from} must not import ${target}`;
  }
  const reserved = RESERVED.find((rule) => rule.target === target);
  if (reserved && !path.startsWith(reserved.folder)) {
    return `only ${reserved.folder} imports ${target}`;
  }
  return undefined;
}

function checkAmbient(path: string, code: string): Violation[] {
  const rules = AMBIENT.filter(
    ({ folder, allowed }) => path.startsWith(folder) && path !== allowed,
  );
  return code.split('\n').flatMap((text, index) => {
    const broken = rules.filter((rule) => rule.text.test(text));
    return broken.map(({ message }) => ({ path, line: index + 1, message }));
  });
}

/** `folder/file.ts`, `node:module` or `npm:package/path`. */
function resolve(path: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier);
  return specifier.startsWith('node:') ? specifier : `npm:${specifier}`;
}

/** Whole comment lines become empty, so that prose is not taken for code and lines still count. */
function blankComments(source: string): string {
  return source.replace(/^\s*(?:\/\/|\/\*|\*).*$/gm, (line) => line.replace(/[^\n]/g, ' '));
}

function lineOf(code: string, index: number): number {
  return code.slice(0, index).split('\n').length;
}

if (import.meta.main) {
  const paths = ARROWS.flatMap(({ from }) => globSync(`${from}**/*.ts`, { cwd: ROOT }));
  const violations = paths.flatMap((path) =>
    checkSource(path, readFileSync(join(ROOT, path), 'utf8')),
  );
  for (const { path, line, message } of violations) console.error(`${path}:${line}: ${message}`);
  console.log(`${paths.length} files, ${violations.length} broken rules`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
