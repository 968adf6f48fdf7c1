/**
 * A path in two readings. The canonical one (RFC 3986 6.2.2) is what every server reads. Many servers read more alike: they decode
 * `%2F`, cut `;parameters`, ignore case and a last slash. What permits must match canonically; for what restricts, a path that only
 * looks alike counts too, or `/pulls/7/MERGE` would slip past a Deny of `/pulls/7/merge`.
 */
export interface CallPath {
  readonly canonical: readonly string[];
  readonly loose: readonly string[];
}

const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** What every server reads alike. */
const PLAIN = /^(?:\/[a-z0-9\-._~!$&'()*+,=:@]+)+$/;

/** @param path of a canonical URL, without query */
export function readCallPath(path: string): CallPath {
  const canonical = canonicalSegments(path);
  return { canonical, loose: PLAIN.test(path) ? canonical : looseSegments(path) };
}

/** RFC 3986 6.2.2: what needs no percent-encoding is decoded, and the hex digits of the rest are upper-case. */
function canonicalPath(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%([0-9A-Fa-f]{2})/g, (encoded, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(character) ? character : encoded.toUpperCase();
  });
}

export function canonicalSegments(path: string): string[] {
  return canonicalPath(path).slice(1).split('/');
}

/** Decoded as often as it can be; URLs are refused that are encoded too often. */
export function looseSegments(path: string): string[] {
  let text = path;
  for (let before = ''; before !== text && text.includes('%'); ) {
    before = text;
    text = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  return text
    .split(/[/\\]/)
    .map((segment) => segment.replace(/;.*$/s, '').toLowerCase())
    .filter((segment) => segment !== '');
}
