/** What one type of action is: everything that differs between types is a member here. */

import type { GrantAction, Outcome } from '../api/generated/actiongrant.ts';
import type { ParsedUrl } from '../text/url.ts';
import type { ActionBody, BodyPattern } from './body.ts';
import type { Written } from './secret-digests.ts';

/** An action apart from its body: known before the body is read, and what a grant states beside its pattern of the body. */
export type WithoutBody<A> = A extends unknown ? Omit<A, 'body'> : never;

/** A grant's action in the form in which it is compared. */
export interface StatedAction<A> {
  action: WithoutBody<A>;
  body: BodyPattern;
  /** Where the call goes, if the grant says it by a URL in its field `url`. */
  url?: ParsedUrl;
}

/** Each entry of the table (action.ts) sees actions of its own type only. */
export interface ActionType<A extends { type: string; body: ActionBody }> {
  /** The member of `spec.action` that holds such an action. */
  readonly member: Exclude<keyof GrantAction, 'type'>;
  /** The wire form, `action` in a use request. @throws ProblemError RequestMalformed, naming the member */
  parse(value: unknown): A;
  /**
   * In the one form in which it is compared: what means the same is written alike, and digests stand in the place of the secrets
   * in its head.
   */
  canonical<T extends WithoutBody<A>>(action: T, written: Written): T;
  /** Reads `spec.action` strictly. @throws ProblemError GrantInvalid, naming the field and the way out */
  stated(action: GrantAction): StatedAction<A>;
  /** One line for people; of any length and any characters. */
  summary(action: WithoutBody<A>): string;
  /** What a manifest says of the action but for its body: the lines below `member`, not indented. */
  manifestLines(action: A): string[];
  /** For whom the token is that goes with such a call: undefined if none may; without audience for the API server. */
  credential(action: A): { audience?: string } | undefined;
  /** Whether the whole body is secret, whatever its members are called: a manifest then has its digest only. */
  bodyIsSecret(action: A): boolean;
  /** How the call ended, by the upstream's answer. */
  outcome(response: { status: number }): Extract<Outcome, 'Succeeded' | 'Failed'>;
}

/** The outcome where the status of the answer says it (RFC 9110 15). */
export function outcomeOfStatus({ status }: { status: number }): 'Succeeded' | 'Failed' {
  return status < 400 ? 'Succeeded' : 'Failed';
}
