/** Approved grants that differ from a refused call in one field: most often a clock, a counter, or an option of the client. Pure. */

import type { Action } from '../../core/action/action.ts';
import { differingFields } from '../../core/action/differences.ts';
import { canonicalJson, parseStrictJson } from '../../core/text/json.ts';
import { grantedOf } from '../grants/granted.ts';
import type { LiveGrant } from '../grants/resource.ts';

export interface NearGrant {
  grant: LiveGrant;
  /** The one field. Never what stands in it. */
  field: string;
  /** RFC 8785 text that the grant states, if the field is the body: the sidecar, which has the other one, compares them. */
  json?: string;
}

/** So many are named. */
const MAX_NEAR = 3;
/** Grants that are compared: an agent is refused as often as it likes. */
const MAX_COMPARED = 100;

/** @param usable grants that would permit the call, were it the one that they state */
export function nearestGrants(call: Action, usable: Iterable<LiveGrant>): NearGrant[] {
  const near: NearGrant[] = [];
  let compared = 0;
  for (const grant of usable) {
    if (near.length >= MAX_NEAR || compared >= MAX_COMPARED) break;
    compared++;
    const granted = grantedOf(grant);
    const fields = granted && differingFields(call, granted);
    const [field] = fields ?? [];
    if (fields?.length !== 1 || field === undefined) continue;
    near.push({ grant, field, ...(field === 'body' && jsonOf(grant)) });
  }
  return near;
}

function jsonOf({ spec: { action } }: LiveGrant): { json: string } | undefined {
  const json = (action.http ?? action.kubernetes)?.body?.json;
  return json === undefined ? undefined : { json: canonicalJson(parseStrictJson(json)) };
}
