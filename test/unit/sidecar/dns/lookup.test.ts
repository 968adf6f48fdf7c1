import type { LookupAddress } from 'node:dns';
import { expect, it } from 'vitest';
import { lookUpOutside } from '../../../../sidecar/dns/lookup.ts';

const OURS = { address: '198.18.117.22', family: 4 };
const OURS_BY_IPV6 = { address: 'fd61:6367:7261::7', family: 6 };
const THEIRS = { address: '10.1.2.3', family: 4 };

/** Looks up with these answers in turn, the last one for ever, and counts the questions. */
async function lookUp(...answers: LookupAddress[][]) {
  let asked = 0;
  const lookup = () => {
    asked += 1;
    return Promise.resolve(answers[Math.min(asked, answers.length) - 1] ?? []);
  };
  const result = await lookUpOutside('edr.example.com', lookup).catch((error: unknown) => error);
  return { asked, result };
}

it.each([
  ['an answer from outside', [[THEIRS]], 1, [THEIRS]],
  ['a name without an address', [[]], 1, []],
  ['an answer of our own first', [[OURS], [THEIRS]], 2, [THEIRS]],
  ['answers of our own of both families', [[OURS], [OURS_BY_IPV6], [THEIRS]], 3, [THEIRS]],
  ['an answer in which one address is ours', [[THEIRS, OURS], [THEIRS]], 2, [THEIRS]],
])('%s', async (_, answers, asked, result) => {
  expect(await lookUp(...answers)).toEqual({ asked, result });
});

it('is asked eight times at most', async () => {
  const { asked, result } = await lookUp([OURS]);
  expect(asked).toBe(8);
  expect(result).toMatchObject({
    message: 'every question for edr.example.com came back to this sidecar',
  });
});

it('fails as the look-up does, and does not ask again', async () => {
  const failure = new Error('NXDOMAIN');
  await expect(lookUpOutside('a.example', () => Promise.reject(failure))).rejects.toBe(failure);
});
