import { describe, expect, test } from 'vitest';
import { createRetry, isTransient, readRetrySeconds } from '../../../../controller/jobs/retry.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import { KubernetesError } from '../../../../core/kubernetes/error.ts';
import { ConfigReader } from '../../../../process/config.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const withCode = (code: string) => Object.assign(new Error(`connect ${code}`), { code });
const unavailable = () => new KubernetesError('Unavailable', 'no answer in time');

describe('a failed step', () => {
  test.for<[what: string, error: unknown, transient: boolean]>([
    ['that did not reach the API server', unavailable(), true],
    ['whose webhook did not answer', new KubernetesError('Ambiguous', 'failed calling'), true],
    ['that was too much', new KubernetesError('TooManyRequests', 'later'), true],
    ['that is forbidden', new KubernetesError('Forbidden', 'may not'), false],
    ['that is invalid', new KubernetesError('Invalid', 'no'), false],
    ['with a retryable problem', new ProblemError('KubernetesUnavailable', 'not yet'), true],
    ['with a final problem', new ProblemError('ConfigurationInvalid', 'wrong'), false],
    ['that met a closed port', withCode('ECONNREFUSED'), true],
    ['whose name does not resolve', withCode('ENOTFOUND'), true],
    ['that met another certificate', withCode('DEPTH_ZERO_SELF_SIGNED_CERT'), false],
    ['with the error of a time limit', new DOMException('late', 'TimeoutError'), true],
    ['with an error of the code', new TypeError('undefined'), false],
    ['without an error', undefined, false],
  ])('%s', ([_, error, transient]) => {
    expect(isTransient(error)).toBe(transient);
  });
});

describe('retry', () => {
  /** Does a step that fails so often first; tells the outcome, the number of tries and the output. */
  const runStep = async (failures: readonly unknown[], seconds: number) => {
    const clock = new FakeClock();
    const output: string[] = [];
    const retry = createRetry({
      seconds,
      clock,
      output: (line) => output.push(line),
      random: () => 1,
    });
    const left = [...failures];
    const outcome = retry(async () => {
      if (left.length > 0) throw left.shift();
      return 'done';
    }).catch((error: Error) => error.message);
    await clock.advance(60_000);
    return { outcome: await outcome, tries: failures.length - left.length, output };
  };

  test('gives the result of a step that succeeds, and says nothing', async () => {
    expect(await runStep([], 30)).toEqual({ outcome: 'done', tries: 0, output: [] });
  });

  test('tries a step again while time may mend it, and says why', async () => {
    expect(await runStep([unavailable(), withCode('ECONNREFUSED')], 30)).toEqual({
      outcome: 'done',
      tries: 2,
      output: [
        'Trying again: Unavailable: no answer in time',
        'Trying again: connect ECONNREFUSED',
      ],
    });
  });

  test('throws at once what time does not mend', async () => {
    const forbidden = new KubernetesError('Forbidden', 'may not');
    const { outcome, output } = await runStep([forbidden], 30);
    expect({ outcome, output }).toEqual({ outcome: 'may not', output: [] });
  });

  test.each([
    [0, 1],
    [1, 2],
    [5, 6],
  ])(
    'within %d s tries %d times, a second apart, and throws the last failure',
    async (seconds, tries) => {
      const errors = Array.from({ length: 10 }, (_, i) =>
        Object.assign(new Error(`failure ${i + 1}`), { code: 'ECONNREFUSED' }),
      );
      const result = await runStep(errors, seconds);
      expect(result.tries).toBe(tries);
      expect(result.outcome).toBe(`failure ${tries}`);
    },
  );
});

test.each([
  [undefined, 30],
  ['0', 0],
  ['600', 600],
])('the time for tries of %s is %d s', (value, seconds) => {
  const reader = new ConfigReader({ ACTIONGRANT_PATIENCE_SECONDS: value });
  expect(readRetrySeconds(reader)).toBe(seconds);
  reader.finish();
});
