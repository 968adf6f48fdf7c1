/** Decisions about one grant, counted. Pure, over a live list of them; counted again when the grant is used. */

import type { Question } from './verdict.ts';

export interface CountedDecision {
  /** Of its object: what the record names. */
  readonly uid: string;
  readonly decision: 'Approve' | 'Deny';
  /** As the API server authenticated whoever created it. */
  readonly username: string;
  /** May lend the credential; true if the grant has none. */
  readonly mayDelegate: boolean;
  /** Policies whose `approve` was checked for this decision. */
  readonly mayApprove: ReadonlySet<string>;
  /** By somebody whose `breakglass` was checked. */
  readonly breakGlass?: boolean;
}

/** Why a decision does not count. */
export type Uncounted = 'NotAPerson' | 'NotAuthorized' | 'AlreadyDecided';

export interface Tally {
  readonly state: 'Waiting' | 'Approved' | 'Denied';
  /** For `Pending 1/2`: the most that one policy needs, and how many of these are there. */
  readonly needed: number;
  readonly given: number;
  /** UIDs of those that count: one Approve a person, and the Deny. */
  readonly counted: readonly string[];
  /** By the UID of the decision. */
  readonly uncounted: ReadonlyMap<string, Uncounted>;
  /** UID of the decision that met every question at once. */
  readonly brokeGlass?: string;
}

/** Of a person's grant that no policy asks about. */
const ONE_PERSON: Question = { policy: '', rule: '', approvals: 1 };

/**
 * @param questions of the policies whose Ask is in force for the grant
 * @param decisions in the order in which they were made
 */
export function tally(
  questions: readonly Question[],
  decisions: readonly CountedDecision[],
): Tally {
  const asked = questions.length === 0 ? [ONE_PERSON] : questions;
  const needed = Math.max(...asked.map(({ approvals }) => approvals));
  const uncounted = new Map<string, Uncounted>();
  const approvals = approvalsIn(asked, decisions, uncounted);
  const missing = Math.max(0, ...asked.map((question) => missingFor(question, approvals)));
  const glass = decisions.find(breaksGlass)?.uid;
  const denial = decisions.find(({ decision }) => decision === 'Deny');
  const approved = missing === 0 || glass !== undefined;
  return {
    state: denial !== undefined ? 'Denied' : approved ? 'Approved' : 'Waiting',
    needed,
    given: Math.max(0, needed - missing),
    counted: [...approvals.map(({ uid }) => uid), ...(denial === undefined ? [] : [denial.uid])],
    uncounted,
    ...(glass !== undefined && denial === undefined && { brokeGlass: glass }),
  };
}

/** One a person, for every policy that was checked in one of the person's decisions. */
interface Approval {
  readonly username: string;
  /** Of the last decision that added something. */
  readonly uid: string;
  readonly mayApprove: ReadonlySet<string>;
}

/** A Deny counts whoever makes it: it can only stop. */
function approvalsIn(
  questions: readonly Question[],
  decisions: readonly CountedDecision[],
  uncounted: Map<string, Uncounted>,
): Approval[] {
  const counted = new Map<string, Approval>();
  for (const each of decisions) {
    if (each.decision === 'Deny') continue;
    const before = counted.get(each.username);
    const why = whyNot(each, questions, before);
    if (why === undefined) {
      const mayApprove = new Set([...(before?.mayApprove ?? []), ...each.mayApprove]);
      counted.set(each.username, { username: each.username, uid: each.uid, mayApprove });
    } else uncounted.set(each.uid, why);
  }
  return [...counted.values()];
}

function whyNot(
  each: CountedDecision,
  questions: readonly Question[],
  before: Approval | undefined,
): Uncounted | undefined {
  if (!each.mayDelegate) return 'NotAuthorized';
  if (breaksGlass(each)) return undefined;
  if (!isPerson(each) && !questions.some(({ bot }) => bot === each.username)) return 'NotAPerson';
  const answered = questions.filter((question) => countsFor(question, each));
  if (answered.length === 0) return 'NotAuthorized';
  const isNew = answered.some((question) => before === undefined || !countsFor(question, before));
  return isNew ? undefined : 'AlreadyDecided';
}

function countsFor(
  { policy, bot }: Question,
  each: Pick<Approval, 'username' | 'mayApprove'>,
): boolean {
  return (
    (policy === ONE_PERSON.policy || each.mayApprove.has(policy)) &&
    (isPerson(each) || each.username === bot)
  );
}

/** A bot counts as one, and never without a person. */
function missingFor(question: Question, approvals: readonly Approval[]): number {
  const counting = approvals.filter((each) => countsFor(question, each));
  const persons = counting.filter(isPerson).length;
  return Math.max(0, question.approvals - counting.length, persons === 0 ? 1 : 0);
}

/** ServiceAccounts and the control plane's own users begin so (k8s.io/apiserver authentication/user). */
function isPerson({ username }: Pick<Approval, 'username'>): boolean {
  return username !== '' && !username.startsWith('system:');
}

function breaksGlass(each: CountedDecision): boolean {
  return (
    each.decision === 'Approve' && each.breakGlass === true && each.mayDelegate && isPerson(each)
  );
}

/** What becomes of a grant, by its phase and the count. */
export type Turn = 'Stay' | 'Approve' | 'Deny' | 'Revoke' | 'BackToPending';

export const TURNS: Readonly<
  Record<'Pending' | 'Approved', Readonly<Record<Tally['state'], Turn>>>
> = {
  Pending: { Waiting: 'Stay', Approved: 'Approve', Denied: 'Deny' },
  // The Asks in force may have become more since, and a Deny before the use takes the approval back.
  Approved: { Waiting: 'BackToPending', Approved: 'Stay', Denied: 'Revoke' },
};
