/** What all policies together say of a call. */

import type { Reason, ReasonCode } from './judge.ts';
import type { AskTerms, Budget, PolicyCredential } from './policy.ts';

/** Matched: a rule with the effect Deny. */
export type DenyCode = ReasonCode | 'PolicyConflict';

export interface Charge {
  readonly policy: string;
  readonly rule: string;
  readonly budget: Budget;
}

/** Each must be satisfied by itself. */
export interface Question {
  readonly policy: string;
  readonly rule: string;
  readonly approvals: number;
  readonly bot?: string;
}

/** How one call is asked for, whoever asks: the shortest times, and nothing that one of them redacts is shown. */
export type AskedTogether = Required<
  Pick<AskTerms, 'holdSeconds' | 'decisionDeadlineSeconds' | 'redact' | 'opaque'>
>;

/** Of the rules that win, in the order of their policies' names; those that could not be judged come last. */
interface Decided {
  readonly reasons: readonly [Reason, ...Reason[]];
}

interface Lends {
  /** Whose namespace is filled in. */
  readonly credential?: PolicyCredential;
}

export type Verdict =
  /** A person's grant may still cover the call. */
  | { readonly effect: 'None'; readonly because: 'NoRuleMatches' }
  | {
      readonly effect: 'None';
      readonly because: 'PolicyNotAccepted';
      readonly policies: readonly string[];
    }
  | (Decided & Lends & { readonly effect: 'Allow'; readonly passHeaders: readonly string[] })
  | (Decided & Lends & { readonly effect: 'Grant'; readonly charges: readonly Charge[] })
  | (Decided &
      Lends & {
        readonly effect: 'Ask';
        readonly questions: readonly Question[];
        readonly terms: AskedTogether;
      })
  | (Decided & { readonly effect: 'Deny'; readonly code: DenyCode });

/** As the API server fills them in. */
export const DEFAULT_ASK: AskTerms = {
  approvals: 1,
  holdSeconds: 50,
  decisionDeadlineSeconds: 3600,
};
