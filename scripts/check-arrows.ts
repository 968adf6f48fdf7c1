// Keeps imports to the arrows that rooms.ts draws, without circles, and ambient state where it belongs.
// Run without arguments it checks the source tree and prints what it found.
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOMS, type Room } from './rooms.ts';
import { ROOT } from './tools.ts';

/** A line that breaks a rule. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Folders of shipped code. test/, scripts/ and demo/ may import anything. */
const SHIPPED = ['core/', 'process/', 'controller/', 'sidecar/', 'cli/'];

/** What shipped code may only say in one place, or, without `allowed`, nowhere in that folder. */
const AMBIENT = [
  {
    applies: () => true,
    allowed: 'process/config.ts',
    text: /\bprocess\.env\b|\benv\b.*from 'node:process'/,
    message: 'only process/config.ts reads the environment',
  },
  {
    applies: isPure,
    allowed: undefined,
    text: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bMath\.random\(|\bset(Timeout|Interval)\(/,
    message: 'a pure room has no clock and no chance: they are parameters',
  },
  {
    applies: isPure,
    allowed: undefined,
    text: /\bprocess\.[a-z]|\bfetch\(|\bconsole\./,
    message: 'a pure room does no I/O and knows no process',
  },
];

/** Static imports and re-exports; the formatter puts each at the start of a line. */
const STATIC = /^(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*(?:'([^']+)')?/g;

/** Every rule that one source file breaks by itself. `path` is relative to the repository's root. */
export function checkSource(path: string, source: string): Violation[] {
  if (!isShipped(path)) return [];
  const room = roomOf(path);
  if (room === undefined) {
    const message = `${posix.dirname(path)} is no room of the house: draw it in scripts/rooms.ts and CONTRIBUTING.md`;
    return [{ path, line: 1, message }];
  }
  const code = blankComments(source);
  const imports = importsOf(path, code).flatMap(({ line, target }) => {
    const message = judge(room, target);
    return message === undefined ? [] : [{ path, line, message }];
  });
  return [...imports, ...checkAmbient(path, code)].sort((a, b) => a.line - b.line);
}

/** Each circle among the files, told once, at the import that closes it. */
export function checkCircles(sources: ReadonlyMap<string, string>): Violation[] {
  const graph = new Map(
    [...sources].map(([path, source]) => [path, importsOf(path, blankComments(source))]),
  );
  const found: Violation[] = [];
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]): void => {
    if (done.has(path)) return;
    for (const { line, target } of graph.get(path) ?? []) {
      if (target === undefined || !graph.has(target)) continue;
      const from = [...above, path].indexOf(target);
      if (from === -1) visit(target, [...above, path]);
      else {
        const circle = [...above, path].slice(from).concat(target).join(' → ');
        found.push({ path, line, message: `the files import each other: ${circle}` });
      }
    }
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

/** What is wrong with the table itself: a room that is used and not drawn, or rooms that use each other. */
export function checkRooms(rooms: readonly Room[]): string[] {
  const drawn = new Map(rooms.map((room) => [room.path, room]));
  const unknown = rooms.flatMap(({ path, uses }) =>
    uses
      .filter((used) => !used.endsWith('/') && !drawn.has(used))
      .map((used) => `${path} uses ${used}, which is not drawn`),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]): void => {
    const from = above.indexOf(path);
    if (from !== -1)
      found.push(`rooms use each other: ${[...above.slice(from), path].join(' → ')}`);
    if (from !== -1 || done.has(path)) return;
    for (const used of usedRooms(drawn.get(path), rooms)) visit(used, [...above, path]);
    done.add(path);
  };
  for (const { path } of rooms) visit(path, []);
  return [...unknown, ...found];
}

function usedRooms(room: Room | undefined, rooms: readonly Room[]): string[] {
  return (room?.uses ?? []).flatMap((used) =>
    used.endsWith('/')
      ? rooms.map(({ path }) => path).filter((path) => path.startsWith(used))
      : [used],
  );
}

interface Import {
  readonly line: number;
  /** `folder/file.ts`, `node:module` or `npm:package/path`; undefined: only a run can tell. */
  readonly target: string | undefined;
}

function importsOf(path: string, code: string): Import[] {
  return [...code.matchAll(STATIC), ...code.matchAll(DYNAMIC)].map((match) => ({
    line: lineOf(code, match.index),
    target: match[1] === undefined ? undefined : resolve(path, match[1]),
  }));
}

function judge(room: Room, target: string | undefined): string | undefined {
  if (target === undefined) return 'imports what only a run can tell';
  if (target.startsWith('node:')) {
    const isAllowed = room.pure === undefined || room.pure.includes(target);
    return isAllowed ? undefined : `${room.path} is pure and must not import ${target}`;
  }
  if (target.startsWith('npm:')) {
    const isAllowed = (room.packages ?? []).some((name) => isOfPackage(target, name));
    return isAllowed ? undefined : `${room.path} must not import ${target}`;
  }
  const to = roomOf(target);
  if (to === room) return undefined;
  const isDrawn =
    to !== undefined &&
    room.uses.some((used) => (used.endsWith('/') ? to.path.startsWith(used) : used === to.path));
  return isDrawn ? undefined : `${room.path} must not import ${target}`;
}

function isOfPackage(target: string, name: string): boolean {
  return target === `npm:${name}` || target.startsWith(`npm:${name}/`);
}

/** A file that is a room by itself, or else its folder. */
function roomOf(path: string): Room | undefined {
  const folder = posix.dirname(path);
  return ROOMS.find((room) => room.path === path) ?? ROOMS.find((room) => room.path === folder);
}

function isShipped(path: string): boolean {
  return SHIPPED.some((folder) => path.startsWith(folder));
}

function isPure(path: string): boolean {
  return roomOf(path)?.pure !== undefined;
}

function checkAmbient(path: string, code: string): Violation[] {
  const rules = AMBIENT.filter(({ applies, allowed }) => applies(path) && path !== allowed);
  return code.split('\n').flatMap((text, index) => {
    const broken = rules.filter((rule) => rule.text.test(text));
    return broken.map(({ message }) => ({ path, line: index + 1, message }));
  });
}

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
  const paths = SHIPPED.flatMap((folder) => globSync(`${folder}**/*.ts`, { cwd: ROOT }));
  const sources = new Map(paths.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));
  const violations = [
    ...[...sources].flatMap(([path, source]) => checkSource(path, source)),
    ...checkCircles(sources),
  ];
  const wrong = checkRooms(ROOMS);
  for (const message of wrong) console.error(`scripts/rooms.ts: ${message}`);
  for (const { path, line, message } of violations) console.error(`${path}:${line}: ${message}`);
  const broken = wrong.length + violations.length;
  console.log(`${paths.length} files, ${broken} broken rules`);
  process.exitCode = broken === 0 ? 0 : 1;
}
