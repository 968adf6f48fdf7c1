import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';
import type { HttpDescription, KubernetesDescription } from './head-description.ts';

/** The bounds of the CRD: what is over them no grant can state, so asking for one would be asking in vain. */
const URL_CHARACTERS = 2048;
const HEADERS = 16;
const QUERY_PARAMETERS = 8;
const NAME_CHARACTERS = 64;
const VALUE_CHARACTERS = 1024;

/** @throws ProblemError TargetRefused or HeaderRefused for a call that no grant could ever cover */
export function checkGrantable(description: HttpDescription | KubernetesDescription): void {
  if (description.kind === 'http') {
    const { url, headers } = description.action;
    if (url.length > URL_CHARACTERS) {
      throw new ProblemError(
        'TargetRefused',
        `The URL is longer than the ${URL_CHARACTERS} characters that a grant can state.`,
        { field: 'url' },
      );
    }
    checkMap('HeaderRefused', 'header', headers, HEADERS);
  } else {
    const { queryParameters } = description.action;
    checkMap('TargetRefused', 'query parameter', queryParameters, QUERY_PARAMETERS);
  }
}

function checkMap(
  code: 'HeaderRefused' | 'TargetRefused',
  what: string,
  map: Readonly<Record<string, string>>,
  limit: number,
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
