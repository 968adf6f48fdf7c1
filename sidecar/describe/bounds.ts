/** The bounds of the CRD: what is over them no grant can state, so asking for one would be asking in vain. */

import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';

const URL_CHARACTERS = 2048;
const NAME_CHARACTERS = 64;
const VALUE_CHARACTERS = 1024;

/** @throws ProblemError TargetRefused */
export function checkUrlBounds(url: string): void {
  if (url.length <= URL_CHARACTERS) return;
  throw new ProblemError(
    'TargetRefused',
    `The URL is longer than the ${URL_CHARACTERS} characters that a grant can state.`,
    { field: 'url' },
  );
}

/**
 * A map that a grant states, such as headers.
 * @param what one of its entries, for people
 * @param limit the most entries
 * @throws ProblemError with this code
 */
export function checkMapBounds(
  map: Readonly<Record<string, string>>,
  limit: number,
  what: string,
  code: 'HeaderRefused' | 'TargetRefused',
): void {
  const entries = Object.entries(map);
  if (entries.length > limit) {
    throw new ProblemError(code, `A grant can state at most ${limit} ${what}s.`);
  }
  for (const [name, value] of entries) {
    if (name.length > NAME_CHARACTERS || value.length > VALUE_CHARACTERS) {
      const field = printable(name, NAME_CHARACTERS);
      throw new ProblemError(
        code,
        `The ${what} ${field} is longer than a grant can state (name ${NAME_CHARACTERS}, value ${VALUE_CHARACTERS} characters).`,
        { field },
      );
    }
  }
}
