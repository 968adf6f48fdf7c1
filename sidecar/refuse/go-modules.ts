/** The go command shows the first lines of an answer that is plain text (cmd/go/internal/web, `server response:`). */

import { textMessage } from './plain-text.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

/** The paths of the protocol (`GOPROXY`). The User-Agent is that of every Go program. */
const PATH = /^[^?]*\/@(?:v\/|latest$)/;

export const goModules: RefusalProtocol = {
  spokenBy: ({ target }) => PATH.test(target.split('?')[0] ?? ''),
  hasManifest: true,
  render: ({ problem }) => textMessage(problem),
};
