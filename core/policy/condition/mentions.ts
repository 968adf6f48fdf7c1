/**
 * Which parts of a body an expression reads, by its text: a call whose body cannot be read so is denied, because padding must not
 * slip past a Deny.
 */

import { literalText, type Node } from './node.ts';

export const BODY_PARTS = ['json', 'size', 'sha256'] as const;

export type BodyPart = (typeof BODY_PARTS)[number];

/** The names of a chain of selections, from its variable on; undefined: known only when it is evaluated. */
interface Chain {
  readonly variable: string;
  readonly names: readonly (string | undefined)[];
}

/** Of a node that selects; undefined if it does not start from a variable. */
export function chainOf(node: Node): Chain | undefined {
  const names: (string | undefined)[] = [];
  let at = node;
  for (;;) {
    if (at.op === 'id') return { variable: String(at.args), names: names.reverse() };
    const [inner, selected] = at.args as [Node, string | Node];
    if (at.op === '.') names.push(selected as string);
    else if (at.op === '[]') names.push(literalText(selected as Node));
    else return undefined;
    at = inner;
  }
}

/** What a chain says of the body. What is not known stands for all of it: `action["http"][x]`, or `action` alone. */
export function bodyParts(chain: Chain | undefined): readonly BodyPart[] {
  if (chain?.variable !== 'action') return [];
  const [kind, field, part] = chain.names;
  if (kind === undefined || field === undefined) return BODY_PARTS;
  if (field !== 'body') return [];
  const named = BODY_PARTS.find((each) => each === part);
  return named === undefined ? BODY_PARTS : [named];
}
