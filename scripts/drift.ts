/**
 * Why a generated file is not what its source says: the first line that differs. Undefined if it is. `source` is named in it.
 */
export function drift(expected: string, actual: string, source: string): string | undefined {
  if (expected === actual) return undefined;
  const wanted = expected.split('\n');
  const found = actual.split('\n');
  const length = Math.max(wanted.length, found.length);
  let at = 0;
  while (at < length && wanted[at] === found[at]) at++;
  const show = (lines: readonly string[]) => lines[at] ?? '(end of file)';
  const label = `${source} says:`.padEnd('the file says:'.length);
  return `line ${at + 1}\n  ${label} ${show(wanted)}\n  the file says: ${show(found)}`;
}
