/**
 * When authorities change hands, and when a serving certificate is due. Pure.
 *
 * A new authority is trusted long before it signs, and the old one is trusted until it ends: whoever read the bundle once
 * in SUCCESSOR_TRUST_BEFORE_SIGNING can always verify the controller.
 */

import type { Certificate, KeyPair } from './authority.ts';

const DAY = 86_400_000;

/** A successor is made this long before the active authority ends ... */
export const SUCCESSOR_BEFORE_END = 120 * DAY;
/** ... and signs once it has been in the bundle for this long. */
export const SUCCESSOR_TRUST_BEFORE_SIGNING = 60 * DAY;
/** An authority with less than this left is no longer worth signing with. */
export const LEAST_REMAINING = 3_600_000;

/** What the Secret `actiongrant-ca` holds. */
export interface Authorities {
  /** Signs serving certificates. */
  active: KeyPair;
  /** Trusted already, signs later. */
  next?: KeyPair;
  /** Signed before, trusted until it ends. */
  previous?: Certificate;
}

export type AuthorityStep =
  /** Nobody has made an authority yet. */
  | 'Create'
  /** Make the next authority, and have it trusted. */
  | 'AddSuccessor'
  /** The successor becomes the active authority. */
  | 'Promote'
  /** The active authority ended with no successor (every replica was down): start over. */
  | 'Replace'
  /** The previous authority has ended. */
  | 'DropPrevious'
  | 'Keep';

export function decideAuthorityStep(current: Authorities | null, now: number): AuthorityStep {
  if (current === null) return 'Create';
  const { active, next, previous } = current;
  if (next !== undefined && next.notAfter - LEAST_REMAINING > now) {
    const trustedLongEnough = now >= next.notBefore + SUCCESSOR_TRUST_BEFORE_SIGNING;
    if (trustedLongEnough || active.notAfter - LEAST_REMAINING <= now) return 'Promote';
  } else if (active.notAfter - LEAST_REMAINING <= now) {
    return 'Replace';
  } else if (active.notAfter - SUCCESSOR_BEFORE_END <= now) {
    return 'AddSuccessor';
  }
  if (previous !== undefined && previous.notAfter <= now) return 'DropPrevious';
  return 'Keep';
}

/** The authorities after a step. `issue` makes a new one, for the steps that need one. */
export async function afterStep(
  step: AuthorityStep,
  current: Authorities | null,
  issue: () => Promise<KeyPair>,
): Promise<Authorities> {
  if (current === null) return { active: await issue() };
  const { active, next } = current;
  switch (step) {
    case 'Create':
    case 'Replace':
      return { active: await issue(), previous: active };
    case 'AddSuccessor':
      return { ...current, next: await issue() };
    case 'Promote':
      return { active: next ?? (await issue()), previous: active };
    case 'DropPrevious':
      return { active, ...(next === undefined ? {} : { next }) };
    case 'Keep':
      return current;
  }
}

/** Whether a serving certificate must be made: there is none, another authority signs now, or two thirds of it are over. */
export function servingIsDue(
  serving: { certificate: Certificate; authority: Certificate } | null,
  active: Certificate,
  now: number,
): boolean {
  if (serving === null || serving.authority.pem !== active.pem) return true;
  const { notBefore, notAfter } = serving.certificate;
  return now >= notBefore + ((notAfter - notBefore) * 2) / 3;
}

/** PEM of every authority that is trusted: the same text from every replica that read the same Secret. */
export function bundleOf({ active, next, previous }: Authorities): string {
  return [active, next, previous].map((certificate) => certificate?.pem ?? '').join('');
}
