/**
 * The JSON document that most clients show something of: a problem (RFC 9457), with the members that SDKs read. Which client
 * reads which was found out with each of them (docs/how-to/clients.md).
 */

import { PROBLEM_CONTENT_TYPE, toProblemDocument } from '../../core/api/problem.ts';
import { oneLine } from './one-line.ts';
import type { RefusalProtocol, RefusedCall } from './refusal-protocol.ts';

/**
 * - `message`: octokit, gh, AWS' JSON protocols, GitLab, Azure
 * - `error.message`: the SDKs of OpenAI, Anthropic, Google and Stripe; `error.type` and `.code` beside it
 * - `errors`: GraphQL clients, container registries (`code`, `message`), cargo (`detail`)
 */
export function refusalDocument(refused: RefusedCall) {
  const { code } = refused.problem;
  const message = oneLine(refused);
  return {
    ...toProblemDocument(refused.problem),
    message,
    error: { message, type: code, code },
    errors: [{ code, message, detail: refused.problem.detail }],
  };
}

/**
 * RFC 9457's media type, but for clients that ask for JSON and not for it: octokit and others parse no body of another type
 * than they asked for. uv, the other way round, shows nothing but problem documents, and asks for anything.
 */
export const json: RefusalProtocol = {
  spokenBy: () => true,
  hasManifest: true,
  render: (refused, caller) => ({
    contentType:
      /[/+]json\b/i.test(caller.header('accept')) && !caller.accepts(PROBLEM_CONTENT_TYPE)
        ? 'application/json'
        : PROBLEM_CONTENT_TYPE,
    text: JSON.stringify(refusalDocument(refused)),
  }),
};
