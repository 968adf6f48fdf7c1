import { describe, expect, test } from 'vitest';
import { acceptsGrantsFrom } from '../../../../controller/grants/consent.ts';

describe('a namespace', () => {
  test.for<[accepts: boolean, list: string | undefined]>([
    [false, undefined],
    [false, ''],
    [true, 'soc'],
    [true, 'helpdesk, soc ,shop'],
    [false, 'soc2'],
    [false, '*'],
    [false, 'SOC'],
  ])('accepts grants from soc: %s, when it lists %j', ([accepts, list]) => {
    const annotations =
      list === undefined ? undefined : { 'actiongrant.dev/accepts-grants-from': list };
    expect(acceptsGrantsFrom('agents', annotations, 'soc')).toBe(accepts);
  });

  test('accepts its own', () => {
    expect(acceptsGrantsFrom('soc', undefined, 'soc')).toBe(true);
  });
});
