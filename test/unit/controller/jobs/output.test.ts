import { expect, test } from 'vitest';
import { reasonOf } from '../../../../controller/jobs/output.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import { KubernetesError } from '../../../../core/kubernetes/error.ts';

const withCode = (message: string, code: string) => Object.assign(new Error(message), { code });

test.for<[what: string, error: unknown, reason: string]>([
  [
    'of the API server begins with its kind',
    new KubernetesError('Forbidden', 'pods is forbidden'),
    'Forbidden: pods is forbidden',
  ],
  [
    'of ours begins with its code, once',
    new ProblemError('ConfigurationInvalid', 'ACTIONGRANT_X is required'),
    'ConfigurationInvalid: ACTIONGRANT_X is required',
  ],
  [
    'of the network is its message',
    withCode('connect ECONNREFUSED 127.0.0.1:9', 'ECONNREFUSED'),
    'connect ECONNREFUSED 127.0.0.1:9',
  ],
  ['of a host with several addresses is its code', withCode('', 'ETIMEDOUT'), 'ETIMEDOUT'],
  ['without any text is its name', new RangeError(''), 'RangeError'],
  ['that is no error is unknown', 'gone', 'unknown'],
])('the reason of an error %s', ([_, error, reason]) => {
  expect(reasonOf(error)).toBe(reason);
});
