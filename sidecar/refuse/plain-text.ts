import type { ProblemError } from '../../core/api/problem.ts';

/** All that a person needs: the code to look up, what is wrong, and the manifest of the grant that is missing. */
export function plainText({ code, detail, manifest }: ProblemError): string {
  const help =
    manifest === undefined
      ? ''
      : `\nThis grant would allow it once (kubectl create -f -):\n${manifest}`;
  return `ActionGrant refused the call (${code}): ${detail}${help}`;
}
