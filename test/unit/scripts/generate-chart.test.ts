/** The chart and the code have one truth in common, and each rule of the two is known to both. */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ADMISSION_POLICY_RULES } from '../../../controller/injection/admission-policy-rules.ts';
import { CONTAINER_RULES } from '../../../controller/injection/container-rules.ts';
import { ANNOTATION_RULES, POD_RULES } from '../../../controller/injection/pod-rules.ts';
import { PROFILE_RULES } from '../../../controller/injection/profile-rules.ts';
import { INJECTED_PARTS } from '../../../controller/injection/verify.ts';
import { BOUND_SECRET_TYPE } from '../../../core/api/names.ts';
import {
  AGENT_DIRECTORY,
  INJECTION_LABEL,
  SIDECAR_METRICS_PORT_NAME,
  SIDECAR_PORTS,
  SIDECAR_UID,
} from '../../../core/api/pod-layout.ts';
import { definition, generate } from '../../../scripts/generate-chart.ts';

const CHART = join(import.meta.dirname, '../../../charts/actiongrant');

/** Text of the templates that people write, by path. */
const templates = new Map(
  globSync('templates/**/*.{yaml,tpl,txt}', { cwd: CHART })
    .filter((path) => !path.endsWith('_generated.tpl'))
    .map((path) => [path, readFileSync(join(CHART, path), 'utf8')]),
);

/** What a named template says. */
function generated(name: string): string {
  const start = `{{- define "actiongrant.${name}" -}}\n`;
  const [, rest = ''] = generate().split(start);
  return rest.slice(0, rest.indexOf('\n{{- end }}'));
}

/** Everything that the templates match, sorted. */
function foundInTemplates(pattern: RegExp): string[] {
  return [...templates.values()]
    .flatMap((text) => [...text.matchAll(pattern)].map(([, found = '']) => found))
    .sort();
}

describe('a rule about pods', () => {
  const ids = Object.keys(ADMISSION_POLICY_RULES).sort();

  test('is one validation of the policies, each', () => {
    const validations = foundInTemplates(/"actiongrant\.podRule" "([a-z-]+)"/g);
    const ofContainers = foundInTemplates(/^- id: ([a-z-]+)$/gm);
    expect([...validations, ...ofContainers].sort()).toEqual(ids);
    expect(Object.keys(parse(generated('podRules'))).sort()).toEqual(ids);
  });

  test('is one that injection knows, unless only admission can tell', () => {
    const onlyAdmissionCanTell = [
      // An upgrade changes which images are right, and pods live on.
      'image',
      // It compares a pod with what it was before.
      'injected-unchanged',
    ];
    const known = [
      ...INJECTED_PARTS,
      ...ANNOTATION_RULES,
      ...POD_RULES,
      ...CONTAINER_RULES,
      ...PROFILE_RULES,
    ].map(({ id }) => id);
    expect([...new Set([...known, ...onlyAdmissionCanTell])].sort()).toEqual(ids);
  });
});

describe('a rule about grants', () => {
  test('is one validation of the policy, each', () => {
    const validations = foundInTemplates(/index \$rules "([a-z-]+)"/g);
    expect(validations).toEqual(Object.keys(parse(generated('grantRules'))).sort());
  });

  test('has its values put in by an expression', () => {
    expect(parse(generated('grantRules'))['requester-may-not-decide'].messageExpression).toMatch(
      /^'spec\.approvedByRequester: ' \+ request\.userInfo\.username \+ ' may not create actiondecisions\.actiongrant\.dev in the namespace ' \+ request\.namespace \+ ', so /,
    );
  });
});

test('a text that Helm would evaluate is refused', () => {
  expect(() => definition({ name: 'x', comment: 'X.', text: 'a {{ .Values }}' })).toThrow(
    'Helm would evaluate',
  );
});

describe('what the code says', () => {
  test.for<[value: string | number]>([
    [SIDECAR_UID],
    ...Object.values(SIDECAR_PORTS).map((port): [number] => [port]),
    [SIDECAR_METRICS_PORT_NAME],
    [AGENT_DIRECTORY],
    [`'${BOUND_SECRET_TYPE}'`],
    ['apiGroups: [actiongrant.dev]'],
  ])('no template says by itself: %s', ([value]) => {
    const typed = [...templates].filter(([, text]) => text.includes(`${value}`));
    expect(typed.map(([path]) => path)).toEqual([]);
  });

  test('the default values say, too: which namespaces are injected', () => {
    const { injection } = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
    expect(injection.namespaceSelector).toEqual({
      matchLabels: { [INJECTION_LABEL.name]: INJECTION_LABEL.value },
    });
  });
});
