/**
 * What a refusal for want of a grant says beside that: which grant would do, where the body differs from that of one that nearly
 * does, why the body cannot be compared as JSON, and what became of an earlier try.
 */

import { grantManifest } from '../core/action/manifest.ts';
import { ProblemError } from '../core/api/problem.ts';
import type { SidecarConfig } from './config.ts';
import { bodyAccount } from './describe/body-account.ts';
import { streamOf } from './describe/streams.ts';
import type { EarlierTries } from './earlier-tries.ts';
import { nearBodyText } from './refuse/near-body.ts';
import type { WholeCall } from './whole-call.ts';

interface Explaining {
  config: Pick<SidecarConfig, 'agent'>;
  tries: Pick<EarlierTries, 'explained'>;
}

/** @returns the error as it is, if it is no refusal for want of a grant */
export function withManifest(
  { config, tries }: Explaining,
  { description, described, body }: WholeCall,
  error: unknown,
): unknown {
  if (!(error instanceof ProblemError) || error.code !== 'GrantRequired') return error;
  const { action, canonicalBody, notJson } = described;
  const stream = streamOf(description, described);
  const bodyJson =
    canonicalBody === undefined ? undefined : Buffer.from(canonicalBody).toString('utf8');
  const near =
    error.nearBody === undefined || bodyJson === undefined
      ? ''
      : nearBodyText(error.nearBody, bodyJson);
  const notComparable =
    notJson === undefined
      ? ''
      : ` The body is not acceptable JSON (${notJson}): a grant can state its SHA-256, or Any.`;
  const bytes = body.kind === 'whole' ? body.bytes : null;
  const told = new ProblemError(error.code, error.detail + near + notComparable);
  const { detail, status } = tries.explained(action, told);
  return new ProblemError(error.code, detail, {
    status,
    manifest: grantManifest(action, {
      ...config.agent,
      ...(bodyJson === undefined ? {} : { bodyJson }),
      ...(stream === undefined ? {} : { stream }),
      bodyAccount: () => bodyAccount(action, description.upstream, bytes, bodyJson),
    }),
  });
}
