/** A refusal in one line of plain text: why, the way out, and what was refused. Most clients show one line of an answer. */

import { printable } from '../../core/text/url.ts';
import type { RefusedCall } from './refusal-protocol.ts';

/** Clients read longer lines in a header, but apt, PHP and others have buffers of few KiB. */
const MAX_CHARACTERS = 1_500;

/** Printable ASCII. It begins as `plainText` does. */
export function oneLine(refused: RefusedCall): string {
  const { problem, attempted } = refused;
  const text = [
    `ActionGrant refused the call (${problem.code}): ${problem.detail}`,
    ...wayOut(refused),
    ...(attempted === undefined ? [] : [`The call: ${attempted}`]),
  ].join(' ');
  return printable(text.replace(/\s+/g, ' '), MAX_CHARACTERS);
}

/** Where nothing but a grant helps: who gives it, and where its manifest is. */
function wayOut({ problem, logCommand }: RefusedCall): string[] {
  if (problem.code !== 'GrantRequired') return [];
  const places = [
    ...(problem.manifest === undefined ? [] : ['in the body of this answer']),
    ...(logCommand === undefined ? [] : [`in the output of: ${logCommand}`]),
  ];
  return places.length === 0
    ? ['Ask an approver for a grant.']
    : [`Ask an approver for a grant; its manifest is ${places.join(', and ')}.`];
}
