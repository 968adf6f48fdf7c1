import { describe, expect, it } from 'vitest';
import { checkMethod } from '../../../../sidecar/describe/method.ts';
import { refusal } from './problem.ts';

describe('a method', () => {
  it.each(['GET', 'POST', 'PATCH', 'QUERY', 'PROPFIND'])('may be %s', (method) => {
    expect(refusal(() => checkMethod(method)).code).toBe('accepted');
  });

  it.each(['', 'get', 'CONNECT', 'TRACE', 'FOO', 'GET ', 'constructor'])(
    'is never %j',
    (method) => {
      expect(refusal(() => checkMethod(method))).toEqual({
        code: 'MethodRefused',
        field: 'method',
      });
    },
  );

  it('in another case is refused with the way to write it', () => {
    expect(() => checkMethod('post')).toThrow(/write POST/);
    expect(() => checkMethod('foo')).not.toThrow(/write/);
  });
});
