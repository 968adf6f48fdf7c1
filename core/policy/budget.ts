/**
 * Budgets without a counter: the names of the grants are the slots. A creation that fails with AlreadyExists found a slot taken, so
 * a budget holds over any number of replicas, crashes and retries.
 */

import { canonicalJson } from '../text/json.ts';
import { sha256Hex } from '../text/sha256.ts';
import type { Budget } from './policy.ts';

/** Fixed, so that every replica names the same one: across a boundary at most twice `uses`. Milliseconds since 1970. */
export interface BudgetWindow {
  readonly start: number;
  /** Of the next one. */
  readonly end: number;
}

export function windowAt(
  now: number,
  { periodSeconds }: Pick<Budget, 'periodSeconds'>,
): BudgetWindow {
  const period = periodSeconds * 1000;
  const start = Math.floor(now / period) * period;
  return { start, end: start + period };
}

/** Whether a grant in a slot was made within its window: one that was not burns the slot, and is never used. */
export function isWithin({ start, end }: BudgetWindow, creationTimestamp: string): boolean {
  const time = Date.parse(creationTimestamp);
  return time >= start && time < end;
}

/** Whose budget: that of all agents in a namespace, since their ServiceAccounts are for tenants to make. */
export interface BudgetOwner {
  readonly policy: string;
  readonly rule: string;
  readonly agentNamespace: string;
}

/** What the names of a window's slots begin with. */
export function slotPrefix(
  { policy, rule, agentNamespace }: BudgetOwner,
  { start }: BudgetWindow,
): string {
  return `${rule}-${hash10([policy, rule, agentNamespace, start])}-`;
}

/** Of every slot of a window, in order. */
export function slotNames(owner: BudgetOwner, budget: Budget, window: BudgetWindow): string[] {
  const prefix = slotPrefix(owner, window);
  return Array.from({ length: budget.uses }, (_, index) => `${prefix}${index}`);
}

/** Names of this form are the controller's alone to create and to delete. */
export const SLOT_NAME =
  /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?-[0-9a-f]{10}-(?:0|[1-9][0-9]{0,3})$/;

/** As JSON, so that no two owners have one text. */
function hash10(parts: readonly (string | number)[]): string {
  return sha256Hex(canonicalJson([...parts])).slice(0, 10);
}
