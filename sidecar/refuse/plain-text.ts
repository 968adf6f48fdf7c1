/** A refusal as text. */

import type { ProblemError } from '../../core/api/problem.ts';
import type { RefusalMessage } from './refusal-protocol.ts';

/** All that a person needs: the code to look up, what is wrong, and the manifest of the grant that is missing. */
export function plainText({ code, detail, manifest }: ProblemError): string {
  const help =
    manifest === undefined
      ? ''
      : `\nThis grant would allow it once (kubectl create -f -):\n${manifest}`;
  return `ActionGrant refused the call (${code}): ${detail}${help}`;
}

export function textMessage(problem: ProblemError): RefusalMessage {
  return { contentType: 'text/plain; charset=utf-8', text: plainText(problem) };
}
