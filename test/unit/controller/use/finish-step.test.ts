import { describe, expect, it } from 'vitest';
import { type FinishStep, finishStep } from '../../../../controller/use/finish-step.ts';
import type { ActionGrant, Outcome, Use } from '../../../../core/api/generated/actiongrant.ts';
import {
  aFinishedStatus,
  aGivenBackStatus,
  aGrant,
  anEndedUse,
  anInUseStatus,
  aUse,
  aUseCredential,
  noonPlus,
} from '../../../support/builders.ts';

const USE = aUse({ id: 'nonce-2' });
const NOT_SENT = anEndedUse('NotDispatched', { id: 'nonce-1' });
const ALSO_NOT_SENT = anEndedUse('NotDispatched', { id: 'nonce-0' });

const inUse = (...earlier: Use[]) => aGrant({ status: anInUseStatus({ uses: [...earlier, USE] }) });
const ended = (use: Use) => aGrant({ status: aFinishedStatus('Succeeded', { uses: [use] }) });
const { credential: _, ...WITHOUT_CREDENTIAL } = anEndedUse('Succeeded', { id: 'nonce-2' });
const DELETED = aUseCredential({ deletedTime: noonPlus(11) });
const UNCONFIRMED = anEndedUse('Succeeded', { id: 'nonce-2', credential: DELETED });
const CONFIRMED = anEndedUse('Succeeded', {
  id: 'nonce-2',
  credential: { ...DELETED, rejectedTime: noonPlus(21) },
});
const GIVEN_BACK_AND_USED_AGAIN = aGrant({ status: anInUseStatus({ uses: [NOT_SENT, USE] }) });
const GIVEN_BACK = aGrant({ status: aGivenBackStatus({ uses: [NOT_SENT] }) });

interface Row {
  title: string;
  grant: ActionGrant;
  use?: Use;
  outcome?: Outcome;
  pod?: string;
  step: FinishStep;
}

describe('the report of a use', () => {
  it.each<Row>([
    {
      title: 'by another pod is refused',
      grant: inUse(),
      pod: 'another',
      step: { type: 'NotYours' },
    },
    {
      title: 'by another pod is refused also when the use is over',
      grant: ended(UNCONFIRMED),
      use: UNCONFIRMED,
      pod: 'another',
      step: { type: 'NotYours' },
    },
    { title: 'that succeeded closes it', grant: inUse(), step: { type: 'Close' } },
    { title: 'that failed closes it', grant: inUse(), outcome: 'Failed', step: { type: 'Close' } },
    {
      title: 'whose outcome nobody knows closes it',
      grant: inUse(),
      outcome: 'Unknown',
      step: { type: 'Close' },
    },
    {
      title: 'that sent nothing gives the grant back for its second attempt',
      grant: inUse(),
      outcome: 'NotDispatched',
      step: { type: 'GiveBack', attempt: 1 },
    },
    {
      title: 'that sent nothing gives the grant back for its third attempt',
      grant: inUse(NOT_SENT),
      outcome: 'NotDispatched',
      step: { type: 'GiveBack', attempt: 2 },
    },
    {
      title: 'that sent nothing in the last attempt closes it',
      grant: inUse(ALSO_NOT_SENT, NOT_SENT),
      outcome: 'NotDispatched',
      step: { type: 'Close' },
    },
    {
      title: 'of an attempt before the one that goes on changes nothing',
      grant: GIVEN_BACK_AND_USED_AGAIN,
      use: NOT_SENT,
      step: { type: 'Late', confirm: true },
    },
    {
      title: 'of an attempt that was given back changes nothing, whatever it says now',
      grant: GIVEN_BACK,
      use: NOT_SENT,
      outcome: 'NotDispatched',
      step: { type: 'Late', confirm: true },
    },
    {
      title: 'that is repeated asks about a credential that nobody saw refused',
      grant: ended(UNCONFIRMED),
      use: UNCONFIRMED,
      step: { type: 'Late', confirm: true },
    },
    {
      title: 'that is repeated asks nothing about a credential that was refused',
      grant: ended(CONFIRMED),
      use: CONFIRMED,
      step: { type: 'Late', confirm: false },
    },
    {
      title: 'that is repeated has nothing to ask about without a credential',
      grant: ended(WITHOUT_CREDENTIAL),
      use: WITHOUT_CREDENTIAL,
      step: { type: 'Late', confirm: false },
    },
  ])('$title', ({ grant, use = USE, outcome = 'Succeeded', pod = USE.podUID, step }) => {
    expect(finishStep(grant, use, { podUID: pod }, outcome)).toEqual(step);
  });
});
