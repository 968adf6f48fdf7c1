/** P18: a rule about texts that came later is for new grants alone. Stored ones go on: their status is written, and they end. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../../scripts/tools.ts';
import type { KubeObject } from '../support/api-client.ts';
import { aNewGrant, anApprovedStatus, anHttpAction, aPendingStatus } from '../support/builders.ts';
import { eventually } from '../support/eventually.ts';
import { causesOf } from '../support/refusal.ts';
import { shareControlPlane } from '../support/shared.ts';

const GROUP = 'stored.example';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const TEXT = 'because\nStatus:\n  Approvals:  2/2';
const RULE = '"optionalOldSelf":true,"message":"must be one line';

const plane = await shareControlPlane();
/** The schema in a group of its own, so that no other file has to do without the rules. */
const crd = JSON.stringify(parse(readFileSync(join(ROOT, 'crds/actiongrants.yaml'), 'utf8')))
  .replaceAll('actiongrants.actiongrant.dev', `actiongrants.${GROUP}`)
  .replace('"group":"actiongrant.dev"', `"group":"${GROUP}"`);
/** As a release before had it. */
const lax = crd.replaceAll(
  /oldSelf\.hasValue\(\) \|\| self\.matches\('[^']*'\)/g,
  'true || oldSelf.hasValue()',
);
let grants: string;

beforeAll(async () => {
  const namespace = await plane.createNamespace('crd-stored');
  grants = `/apis/${GROUP}/v1alpha1/namespaces/${namespace}/actiongrants`;
  await plane.api('POST', CRDS, JSON.parse(lax));
});
afterAll(async () => {
  await plane.request('DELETE', `${CRDS}/actiongrants.${GROUP}`);
  await plane.disconnect();
});

const hostile = (name: string) => ({
  ...aNewGrant({
    metadata: { name },
    spec: {
      justification: TEXT,
      action: anHttpAction({
        headers: { 'x-reason': 'a\tb' },
        body: { type: 'JSON', json: '{\n  "reason": "beaconing"\n}' },
      }),
    },
  }),
  apiVersion: `${GROUP}/v1alpha1`,
});

test('grants with line breaks that are stored stay writable, and no new one is admitted', async () => {
  expect(crd).toContain(RULE);
  const stored = await eventually(
    () => plane.api<KubeObject & { spec: unknown }>('POST', grants, hostile('stored')),
    { withinMilliseconds: 15_000, everyMilliseconds: 100 },
  );
  const { metadata } = await plane.api<KubeObject>('GET', `${CRDS}/actiongrants.${GROUP}`);
  await plane.api('PUT', `${CRDS}/actiongrants.${GROUP}`, {
    ...JSON.parse(crd),
    metadata: { name: metadata.name, resourceVersion: metadata.resourceVersion },
  });
  const refused = await eventually(
    async () => {
      const answer = await plane.request('POST', `${grants}?dryRun=All`, hostile('another'));
      expect(answer.status).toBe(422);
      return causesOf(answer).map(({ field }) => field);
    },
    { withinMilliseconds: 15_000, everyMilliseconds: 100 },
  );
  expect(refused.sort()).toEqual([
    'spec.action.http.body.json',
    'spec.action.http.headers[x-reason]',
    'spec.justification',
  ]);
  let current = stored;
  for (const status of [aPendingStatus(), anApprovedStatus()]) {
    current = await plane.api('PUT', `${grants}/stored/status`, { ...current, status });
  }
  const annotated = { metadata: { annotations: { note: 'x' } } };
  const patched = await plane.request('PATCH', `${grants}/stored`, annotated, {
    contentType: 'application/merge-patch+json',
  });
  expect(patched.status).toBe(200);
  expect((await plane.request('DELETE', `${grants}/stored`)).status).toBe(200);
});
