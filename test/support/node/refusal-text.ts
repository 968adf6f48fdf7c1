/** What a refusal looks like in the output of an agent's client. */

import { setTimeout as sleep } from 'node:timers/promises';

export interface ShownRefusal {
  readonly code: string;
  readonly detail: string;
  /** The grant that is missing, as YAML. */
  readonly manifest: string | undefined;
}

/** Documents of one line, wherever the client prints them: problem+json, or a Status of Kubernetes. */
const DOCUMENT = /\{"(?:type":"https:\/\/actiongrant\.dev\/|kind":"Status").*\}/;
/** From kubectl, which prints a Status's message alone, and from git and npm, which mark each line. */
const MESSAGE = /ActionGrant refused the call \((\w+)\): (.*)\n/;
const MARK = /^(?:remote:|npm error(?: \d{3})?) ?/gm;
const MANIFEST = /^apiVersion: actiongrant\.dev\/v1alpha1\n(?:.+\n)+? {2}justification: .+$/m;

interface StatusDocument {
  readonly message: string;
}

/** @throws Error with the output, if no refusal is in it */
export function refusalIn(output: string): ShownRefusal {
  const text = DOCUMENT.exec(output)?.[0];
  const document = text === undefined ? undefined : JSON.parse(text);
  if (document?.type !== undefined) return document as ShownRefusal;
  if (document !== undefined) {
    const { message } = document as StatusDocument;
    return refusalIn(`${message}\n`);
  }
  const lines = output.replace(MARK, '');
  const [, code = '', detail] = MESSAGE.exec(lines) ?? [];
  if (detail === undefined) throw new Error(`no refusal is in this output:\n${output}`);
  return { code, detail, manifest: MANIFEST.exec(lines)?.[0] };
}

const REPORTED_MILLISECONDS = 10_000;

/**
 * Calls until the refusal says that the grant was used. That it is in use may be said before: a sidecar reports a use's end
 * after the answer. @throws Error at once if a call is not refused, or for another reason
 */
export async function untilRefusedAsUsed(call: () => Promise<string>): Promise<void> {
  const deadline = performance.now() + REPORTED_MILLISECONDS;
  for (;;) {
    const { detail } = refusalIn(await call());
    if (detail.includes('was used')) return;
    if (!detail.includes('is in use by another call') || performance.now() > deadline) {
      throw new Error(`not refused because it was used: ${detail}`);
    }
    await sleep(100);
  }
}
