import { describe, expect, it } from 'vitest';
import { acceptedNamespaces, acceptsGrantsFrom } from '../../../../controller/grants/consent.ts';
import { ACCEPTS_GRANTS_ANNOTATION } from '../../../../core/api/names.ts';

const consents = (names: string) => ({ [ACCEPTS_GRANTS_ANNOTATION]: names });

describe('the namespaces whose grants a namespace accepts', () => {
  it.each<[string, Record<string, string> | undefined, string[]]>([
    ['none without annotations', undefined, []],
    ['none without the annotation', { other: 'ops' }, []],
    ['none if it is empty', consents(''), []],
    ['one', consents('ops'), ['ops']],
    ['several, whatever the spaces', consents(' ops , sec,,'), ['ops', 'sec']],
  ])('are %s', (_, annotations, names) => {
    expect(acceptedNamespaces(annotations)).toEqual(names);
  });
});

describe('a grant of another namespace', () => {
  it.each<[string, string, string, boolean]>([
    ['is accepted if it is named', 'ops', 'ops,sec', true],
    ['is not accepted otherwise', 'dev', 'ops,sec', false],
    ['is not accepted by a part of its name', 'op', 'ops', false],
    ['is not accepted by a wildcard', 'ops', '*', false],
  ])('%s', (_, namespace, names, accepted) => {
    expect(acceptsGrantsFrom('soc', consents(names), namespace)).toBe(accepted);
  });

  it('is none where it is the own one', () => {
    expect(acceptsGrantsFrom('soc', undefined, 'soc')).toBe(true);
  });
});
