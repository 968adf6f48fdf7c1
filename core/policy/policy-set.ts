/** The policies of one agent, ready to judge its calls. */

import { BoundedMap } from '../bounded-map.ts';
import type { Agent } from './call/agent.ts';
import type { Call } from './call/call.ts';
import type { CompiledPolicy, CompiledRule } from './compile.ts';
import { selectsAgent } from './selection.ts';

/** Of one policy, the rules that may match calls with one key. */
export interface Candidates {
  readonly policy: CompiledPolicy;
  readonly rules: readonly CompiledRule[];
}

/** Hosts and resources that an agent calls again and again; it may make up as many as it likes. */
const MAX_KEYS = 256;

export class PolicySet {
  /** In the order of their names, so that a verdict does not depend on how they came. */
  readonly policies: readonly CompiledPolicy[];
  readonly #byKey = new BoundedMap<string, readonly Candidates[]>(MAX_KEYS);

  /** @param policies those that select the agent */
  constructor(policies: readonly CompiledPolicy[]) {
    this.policies = policies.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  /** Policies without one such rule are left out. */
  candidates(call: Call): readonly Candidates[] {
    const key = `${call.kind} ${call.key}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const found = this.policies.flatMap((policy) => {
      const rules = (policy.rules ?? []).filter(
        ({ kind, matcher }) => kind === call.kind && matcher.mayMatch(call),
      );
      return rules.length === 0 ? [] : [{ policy, rules }];
    });
    this.#byKey.set(key, found);
    return found;
  }
}

export function policySetFor(agent: Agent, policies: readonly CompiledPolicy[]): PolicySet {
  return new PolicySet(policies.filter(({ agents }) => selectsAgent(agents, agent)));
}
