/** Git shows its user what is plain text, and nothing else (`show_http_message` in remote-curl.c). */

import { textMessage } from './plain-text.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

export const git: RefusalProtocol = {
  spokenBy: ({ product }) => product === 'git',
  hasManifest: true,
  render: ({ problem }) => textMessage(problem),
};
