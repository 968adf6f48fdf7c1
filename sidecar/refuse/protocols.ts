/** The protocols in which a call can be refused, and which of them a caller speaks. */

import { awsXML } from './aws-xml.ts';
import type { Caller } from './caller.ts';
import { git } from './git.ts';
import { goModules } from './go-modules.ts';
import { graphql } from './graphql.ts';
import { grpc } from './grpc.ts';
import { json } from './json.ts';
import { kubernetesStatus } from './kubernetes-status.ts';
import { mcp } from './mcp.ts';
import { npm } from './npm.ts';
import type { RefusalProtocol } from './refusal-protocol.ts';

/** The first that a caller speaks is used, so the one that everybody speaks comes last. */
export const REFUSAL_PROTOCOLS = {
  kubernetes: kubernetesStatus,
  grpc,
  git,
  npm,
  goModules,
  awsXML,
  graphql,
  mcp,
  http: json,
} satisfies Readonly<Record<string, RefusalProtocol>>;

export type RefusalProtocolName = keyof typeof REFUSAL_PROTOCOLS;

const NAMES = Object.keys(REFUSAL_PROTOCOLS) as RefusalProtocolName[];

/** Told by where the call meant to go, by what its head has, or by the name that its client gives itself. */
export function protocolOf(caller: Caller): RefusalProtocolName {
  return NAMES.find((name) => REFUSAL_PROTOCOLS[name].spokenBy(caller)) ?? 'http';
}
