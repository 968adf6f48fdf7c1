/** The blocks of a Markdown page that a reader pastes, and what the page says that they print. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools.ts';

/** A block of shell commands. */
export interface ShellBlock {
  /** Title of the section that it stands in. */
  readonly section: string;
  readonly text: string;
  /** The block of output that follows it, with `…` and `xxxxx` for what differs; undefined if there is none. */
  readonly prints: string | undefined;
}

/** Every shell block of a page, in their order. `page` is relative to the repository's root. */
export function shellBlocks(page: string): ShellBlock[] {
  const markdown = readFileSync(join(ROOT, page), 'utf8');
  const found = markdown.matchAll(
    /^#+ (.*)$|^```sh\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```\n)?/gm,
  );
  let section = '';
  return [...found].flatMap(([, title, text, prints]) => {
    if (title !== undefined) section = title;
    return text === undefined ? [] : [{ section, text, prints: prints?.trim() }];
  });
}

/** What a text has in it that is quoted like this, whatever its lines. */
export function asQuoted(quote: string): RegExp {
  const escaped = quote.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const pattern = escaped.replaceAll('…', '.*').replaceAll('xxxxx', '[a-z0-9]{5}');
  return new RegExp(pattern.replaceAll(/\s+/g, '\\s+'), 's');
}
