/** npm shows its user what a JSON document has as `error`, if it is a text (npm-registry-fetch, lib/errors.js). */

import { PROBLEM_CONTENT_TYPE } from '../../core/api/problem.ts';
import { refusalDocument } from './json.ts';
import { plainText } from './plain-text.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

export const npm: RefusalProtocol = {
  spokenBy: ({ product }) => product === 'npm',
  hasManifest: true,
  render: (refused) => ({
    contentType: PROBLEM_CONTENT_TYPE,
    text: JSON.stringify({ ...refusalDocument(refused), error: plainText(refused.problem) }),
  }),
};
