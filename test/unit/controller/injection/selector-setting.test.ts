import { expect, test } from 'vitest';
import { readInjectionSelector } from '../../../../controller/injection/selector-setting.ts';
import { ConfigReader } from '../../../../process/config.ts';

const NAME = 'ACTIONGRANT_INJECTION_SELECTOR';
const read = (environment: Record<string, string>) => {
  const reader = new ConfigReader(environment);
  const selector = readInjectionSelector(reader);
  reader.finish();
  return selector;
};

test('namespaces with the label are injected, where nothing else is said', () => {
  expect(read({})).toEqual({ matchLabels: { 'actiongrant.dev/inject': 'enabled' } });
});

test('namespaces are injected that the operator selects', () => {
  const selector = { matchExpressions: [{ key: 'team', operator: 'Exists' }] };
  expect(read({ [NAME]: JSON.stringify(selector) })).toEqual(selector);
});

test.for([['team=soc'], ['[]'], ['{"team":"soc"}'], ['{"matchLabels":{"team":1}}']])(
  'what the API server would not take as a selector is complained about: %s',
  ([value = '']) => {
    expect(() => read({ [NAME]: value })).toThrow(NAME);
  },
);
