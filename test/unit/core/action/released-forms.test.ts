/** Grants and sidecars of earlier releases go on through an upgrade: what both sides compare stays as it was. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { actionKeys } from '../../../../core/action/digest.ts';
import { grantedAction } from '../../../../core/action/grant.ts';
import { grantManifest } from '../../../../core/action/manifest.ts';
import { parseUseRequest } from '../../../../core/wire/use.ts';

interface ReleasedForm {
  name: string;
  grant: string;
  summary: string;
  form: string;
  wire: string;
  keys: Record<string, string>;
  bodyJson?: string;
  manifest?: string;
}

const CASES: ReleasedForm[] = parse(
  readFileSync(new URL('released-forms.yaml', import.meta.url), 'utf8'),
);

/** The call as the controller reads it off the wire. */
function read(wire: string) {
  return parseUseRequest({
    nonce: '0f8fad5b-d9cb-469f-a165-70867728950e',
    action: JSON.parse(wire),
    waitMilliseconds: 1,
  }).action;
}

describe('as in earlier releases', () => {
  it.each(CASES)('a grant has its digest and summary: $name', ({ grant, summary, form, keys }) => {
    expect(grantedAction(JSON.parse(grant))).toMatchObject({ summary, digest: keys[form] });
  });

  it.each(CASES)('a call keeps its bytes on the wire and its keys: $name', ({ wire, keys }) => {
    expect(JSON.stringify(read(wire))).toBe(wire);
    const found = actionKeys(read(wire)).map(({ form, digest }) => [form, digest]);
    // Since then the digest of its canonical bytes covers it as well.
    const released = Object.entries(keys);
    expect(found.filter(([, key]) => released.some(([, digest]) => digest === key))).toEqual(
      released,
    );
  });

  it.each(CASES.filter(({ manifest }) => manifest !== undefined))(
    'a refused call is told the same manifest: $name',
    ({ wire, bodyJson, manifest }) => {
      const agent = { namespace: 'soc', serviceAccountName: 'incident-agent' };
      const text = grantManifest(read(wire), { ...agent, ...(bodyJson && { bodyJson }) });
      expect(text.slice(text.indexOf('    type:'), text.indexOf('  approvedByRequester'))).toBe(
        manifest?.replace(/^/gm, '  ').trimEnd().concat('\n'),
      );
    },
  );
});
