/**
 * GraphQL clients show `errors`. Apollo's does so for an answer with an error's status only if it has GraphQL's own media type
 * (GraphQL over HTTP, 6.4), which clients that know it ask for. The others find `errors` in plain JSON.
 */

import { refusalDocument } from './json.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

const CONTENT_TYPE = 'application/graphql-response+json';

export const graphql: RefusalProtocol = {
  spokenBy: (caller) => caller.accepts(CONTENT_TYPE),
  hasManifest: true,
  render(refused) {
    const document = refusalDocument(refused);
    const errors = document.errors.map((error) => ({ ...error, extensions: { code: error.code } }));
    return { contentType: CONTENT_TYPE, text: JSON.stringify({ ...document, errors }) };
  },
};
