/** Git shows its user what is plain text, and nothing else (`show_http_message` in remote-curl.c). */

import { plainText } from './plain-text.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

export const git: RefusalProtocol = {
  contentType: 'text/plain; charset=utf-8',
  render: plainText,
  spokenBy: { product: 'git' },
};
