import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../../scripts/tools.ts';
import { shellBlocks } from '../../support/documents.ts';

const PAGES = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT });

describe('shell commands of the documentation', () => {
  it.each(PAGES.filter((page) => shellBlocks(page).length > 0))(
    'can be pasted from %s into bash and zsh: without comments, which zsh runs',
    (page) => {
      const comments = shellBlocks(page).flatMap(({ text }) =>
        text.split('\n').filter((line) => /(?:^|\s)#/.test(withoutQuotes(line))),
      );
      expect(comments).toEqual([]);
    },
  );
});

function withoutQuotes(line: string): string {
  return line.replace(/'[^']*'|"[^"]*"/g, '');
}
