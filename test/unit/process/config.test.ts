import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../core/api/problem.ts';
import { ConfigReader, type Environment } from '../../../process/config.ts';

/** Every complaint about this environment, after reading it so. */
function complaints(environment: Environment, read: (reader: ConfigReader) => void): string[] {
  const reader = new ConfigReader(environment);
  read(reader);
  try {
    reader.finish();
    return [];
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'ConfigurationInvalid') {
      return error.detail.split('; ');
    }
    throw error;
  }
}

const value = <T>(environment: Environment, read: (reader: ConfigReader) => T): T => {
  const reader = new ConfigReader(environment);
  const result = read(reader);
  reader.finish();
  return result;
};

const ANYTHING = { name: 'anything', isIn: () => true };

describe('a setting', () => {
  it.each<[string, Environment, (reader: ConfigReader) => unknown, unknown]>([
    ['a text', { A: 'x' }, (r) => r.text('A'), 'x'],
    ['a text with a fallback', {}, (r) => r.text('A', 'y'), 'y'],
    ['an empty text as absent', { A: '' }, (r) => r.text('A', 'y'), 'y'],
    ['that a variable is there', { A: 'x' }, (r) => r.has('A'), true],
    ['that an empty variable is there', { A: '' }, (r) => r.has('A'), true],
    ['that an absent variable is not', {}, (r) => r.has('A'), false],
    ['an optional text', { A: 'x' }, (r) => r.optionalText('A'), 'x'],
    ['an absent optional text', {}, (r) => r.optionalText('A'), undefined],
    ['an integer', { A: '-3' }, (r) => r.integer('A', { min: -5, max: 5 }, 1), -3],
    ['an integer with a fallback', {}, (r) => r.integer('A', { min: 0, max: 5 }, 1), 1],
    ['one of some', { A: 'b' }, (r) => r.oneOf('A', ['a', 'b'], 'a'), 'b'],
    ['JSON', { A: '[1]' }, (r) => r.json('A', [], Array.isArray, 'a list'), [1]],
    ['absent JSON', {}, (r) => r.json('A', ['x'], Array.isArray, 'a list'), ['x']],
    ['a list', { A: ' a, b,,c ' }, (r) => r.list('A'), ['a', 'b', 'c']],
    ['an absent list', {}, (r) => r.list('A'), []],
    ['a list in lower case', { A: 'x-a,x-b' }, (r) => r.lowerCaseList('A'), ['x-a', 'x-b']],
    ['an absent optional file', {}, (r) => r.optionalFile('A', ANYTHING), undefined],
    [
      'an address',
      { A: '127.0.0.1:80' },
      (r) => r.address('A', ''),
      { host: '127.0.0.1', port: 80 },
    ],
    ['an IPv6 address', { A: '[::1]:80' }, (r) => r.address('A', ''), { host: '::1', port: 80 }],
    ['a port on every address', { A: ':80' }, (r) => r.address('A', ''), { host: '::', port: 80 }],
    [
      'pairs',
      { A: 'a:1=b:2, c=d=e' },
      (r) => r.map('A'),
      new Map([
        ['a:1', 'b:2'],
        ['c', 'd=e'],
      ]),
    ],
  ])('is read as %s', (_, environment, read, expected) => {
    expect(value(environment, read)).toEqual(expected);
  });

  it.each<[string, string | undefined, (reader: ConfigReader) => unknown, string]>([
    ['absent', undefined, (r) => r.text('A'), 'A is required'],
    ['empty', '', (r) => r.text('A'), 'A is required'],
    [
      'not a number',
      'x',
      (r) => r.integer('A', { min: 0, max: 5 }, 1),
      'A must be an integer from 0 to 5, not "x"',
    ],
    [
      'a fraction',
      '1.5',
      (r) => r.integer('A', { min: 0, max: 5 }, 1),
      'A must be an integer from 0 to 5, not "1.5"',
    ],
    [
      'an exponent',
      '1e0',
      (r) => r.integer('A', { min: 0, max: 5 }, 1),
      'A must be an integer from 0 to 5, not "1e0"',
    ],
    [
      'hexadecimal',
      '0x1',
      (r) => r.integer('A', { min: 0, max: 5 }, 1),
      'A must be an integer from 0 to 5, not "0x1"',
    ],
    [
      'too small',
      '-1',
      (r) => r.integer('A', { min: 0, max: 5 }, 1),
      'A must be an integer from 0 to 5, not "-1"',
    ],
    [
      'too large',
      '6',
      (r) => r.integer('A', { min: 0, max: 5 }, 1),
      'A must be an integer from 0 to 5, not "6"',
    ],
    ['not in the set', 'c', (r) => r.oneOf('A', ['a', 'b'], 'a'), 'A must be one of a, b, not "c"'],
    [
      'not in lower case',
      'x-a,X-B',
      (r) => r.lowerCaseList('A'),
      'A must be lower case, not "X-B"',
    ],
    ['no file', undefined, (r) => r.file('A', ANYTHING), 'A is required'],
    [
      'not JSON',
      '{hunter2',
      (r) => r.json('A', [], Array.isArray, 'a list'),
      'A must be a list in JSON',
    ],
    [
      'other JSON',
      '{}',
      (r) => r.json('A', [], Array.isArray, 'a list'),
      'A must be a list in JSON',
    ],
    ['without port', 'host', (r) => r.address('A', ''), 'A must be host:port, not "host"'],
    [
      'past the last port',
      'host:65536',
      (r) => r.address('A', ''),
      'A must be host:port, not "host:65536"',
    ],
    [
      'IPv6 without brackets',
      '::1:80',
      (r) => r.address('A', ''),
      'A must be host:port, not "::1:80"',
    ],
    [
      'a pair without value',
      'a=',
      (r) => r.map('A'),
      'A must be a comma-separated list of from=to, not "a="',
    ],
    [
      'a pair without name',
      '=b',
      (r) => r.map('A'),
      'A must be a comma-separated list of from=to, not "=b"',
    ],
    ['no pair', 'a', (r) => r.map('A'), 'A must be a comma-separated list of from=to, not "a"'],
  ])('that is %s is complained about by name', (_, text, read, complaint) => {
    expect(complaints(text === undefined ? {} : { A: text }, read)).toEqual([complaint]);
  });
});

it('everything that is wrong is reported together', () => {
  const found = complaints({ ACTIONGRANT_B: 'x', ACTIONGRANT_TYPO: '1' }, (reader) => {
    reader.text('ACTIONGRANT_A');
    reader.integer('ACTIONGRANT_B', { min: 0, max: 5 }, 1);
    reader.complain('ACTIONGRANT_C', 'contradicts ACTIONGRANT_B');
  });
  expect(found).toEqual([
    'ACTIONGRANT_A is required',
    'ACTIONGRANT_B must be an integer from 0 to 5, not "x"',
    'ACTIONGRANT_C contradicts ACTIONGRANT_B',
    'ACTIONGRANT_TYPO is not a known setting',
  ]);
});

it('a variable that is read twice is complained about once', () => {
  const found = complaints({}, (reader) => {
    reader.text('A');
    reader.text('A');
  });
  expect(found).toEqual(['A is required']);
});

describe('a variable that nobody asked for', () => {
  it('is a complaint if it has our prefix, since a typing error must not leave a default in force', () => {
    const environment = { ACTIONGRANT_LOGLEVEL: 'debug', PATH: '/bin', LOG_LEVEL: 'x' };
    expect(complaints(environment, () => {})).toEqual([
      'ACTIONGRANT_LOGLEVEL is not a known setting',
    ]);
  });

  it('is no complaint if it is the kubelet that sets it for a Service', () => {
    const links = {
      ACTIONGRANT_SERVICE_HOST: '10.0.0.1',
      ACTIONGRANT_SERVICE_PORT: '443',
      ACTIONGRANT_SERVICE_PORT_HTTPS: '443',
      ACTIONGRANT_PORT: 'tcp://10.0.0.1:443',
      ACTIONGRANT_PORT_443_TCP: 'tcp://10.0.0.1:443',
      ACTIONGRANT_PORT_443_TCP_PROTO: 'tcp',
      ACTIONGRANT_PORT_443_TCP_PORT: '443',
      ACTIONGRANT_PORT_443_TCP_ADDR: '10.0.0.1',
      ACTIONGRANT_CONTROLLER_SERVICE_HOST: '10.0.0.2',
      ACTIONGRANT_CONTROLLER_PORT: 'udp://10.0.0.2:53',
    };
    expect(complaints(links, () => {})).toEqual([]);
  });

  it('is a complaint if it only looks like one of those', () => {
    expect(complaints({ ACTIONGRANT_OPERATIONS_PORT: '15020' }, () => {})).toEqual([
      'ACTIONGRANT_OPERATIONS_PORT is not a known setting',
    ]);
  });
});
