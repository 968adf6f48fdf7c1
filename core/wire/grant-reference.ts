import { record, text } from '../text/members.ts';

/** Names a grant, by UID as well: a grant re-created under its name is another one. */
export interface GrantReference {
  namespace: string;
  name: string;
  uid: string;
}

/** The member `grant` of a message. @throws ProblemError RequestMalformed, naming the member */
export function parseGrantReference(value: unknown): GrantReference {
  const o = record(value, 'grant', ['namespace', 'name', 'uid']);
  return {
    namespace: text(o['namespace'], 'grant.namespace', 63),
    name: text(o['name'], 'grant.name', 253),
    uid: text(o['uid'], 'grant.uid', 64),
  };
}
