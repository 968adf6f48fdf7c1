/** npm shows its user what a JSON document has as `error` (npm-registry-fetch, lib/errors.js). */

import { PROBLEM_CONTENT_TYPE, toProblemDocument } from '../../core/api/problem.ts';
import { plainText } from './plain-text.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

export const npm: RefusalProtocol = {
  contentType: PROBLEM_CONTENT_TYPE,
  render: (problem) => JSON.stringify({ ...toProblemDocument(problem), error: plainText(problem) }),
  spokenBy: { product: 'npm' },
};
