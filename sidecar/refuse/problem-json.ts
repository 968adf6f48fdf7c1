/** A problem document (RFC 9457). */

import { PROBLEM_CONTENT_TYPE, toProblemDocument } from '../../core/api/problem.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

export const problemJson: RefusalProtocol = {
  contentType: PROBLEM_CONTENT_TYPE,
  render: (problem) => JSON.stringify(toProblemDocument(problem)),
  spokenBy: 'everybody',
};
