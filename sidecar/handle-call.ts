/** One call, top to bottom: describe → authorize → forward → complete. */

import { grantManifest } from '../core/action/manifest.ts';
import { API_SERVER_NAMES, BODY_LIMIT_BYTES } from '../core/api/names.ts';
import type { Outcome } from '../core/api/phase.ts';
import { asProblem, ProblemError } from '../core/api/problem.ts';
import type { Clock } from '../core/time/clock.ts';
import type { Logger } from '../process/log.ts';
import { type Authorization, type AuthorizeDependencies, authorize } from './authorize.ts';
import type { SidecarConfig } from './config.ts';
import { attemptedCall } from './describe/attempted.ts';
import { type DescribedCall, describeBody } from './describe/body.ts';
import { describeHead } from './describe/describe.ts';
import type {
  DescribeContext,
  DiscoveryDescription,
  HttpDescription,
  KubernetesDescription,
} from './describe/head-description.ts';
import type { RefusalReporter } from './exchange/report-refusals.ts';
import type { Forwarder } from './forward/forward.ts';
import type { UpstreamRequest, UpstreamResponse } from './forward/upstream.ts';
import type { InterceptedCall } from './intercept/call.ts';
import type { MemoryBudget, MemoryHold } from './intercept/memory-budget.ts';
import { type CallBody, readBody } from './intercept/read-body.ts';
import type { SidecarMetrics } from './metrics.ts';
import { protocolOf } from './refuse/protocols.ts';
import { type Refusal, renderRefusal } from './refuse/refuse.ts';

export interface CallDependencies extends AuthorizeDependencies {
  config: Pick<SidecarConfig, 'agent' | 'kubernetes'>;
  describeContext: DescribeContext;
  forwarder: Forwarder;
  /** Shared by every call: for what is kept whole of bodies and documents. */
  memory: MemoryBudget;
  refusals: Pick<RefusalReporter, 'report'>;
  clock: Clock;
  metrics: SidecarMetrics;
  log: Logger;
}

/** Name in the API server's certificate, whatever address it is reached under. */
const KUBERNETES_SERVER_NAME = 'kubernetes.default.svc';

/** Answers the call in every case; throws only what is a fault of our own. */
export async function handleCall(
  dependencies: CallDependencies,
  call: InterceptedCall,
): Promise<void> {
  const hold = dependencies.memory.hold();
  try {
    // Of what failed, nothing but the answer's bytes is kept for as long as the client takes to read them.
    const refusal = await carryOut(dependencies, call, hold).then(
      () => null,
      (error: unknown) => refused(dependencies, call, hold, error),
    );
    if (refusal === null) return;
    call.respond.writeHead(refusal.status, refusal.headers);
    await call.respond.end(refusal.body);
  } finally {
    hold.release();
  }
}

/** Tells of it, and returns what is left to tell the client. Null: nothing can be told any more. */
function refused(
  dependencies: CallDependencies,
  call: InterceptedCall,
  hold: MemoryHold,
  error: unknown,
): Refusal | null {
  const { metrics, log } = dependencies;
  const problem = asProblem(error);
  metrics.refusals.inc({ code: problem.code });
  const fields = { code: problem.code, detail: problem.detail };
  if (problem.code === 'Internal') log.error('a call failed', { ...fields, error });
  else log.info('a call was refused', fields);
  dependencies.refusals.report({ code: problem.code, attempted: attemptedCall(call.head) });
  if (call.respond.started) call.respond.abort();
  if (call.respond.finished) return null;
  return renderRefusal(problem, protocolOf(call.head, dependencies.describeContext), hold);
}

async function carryOut(
  dependencies: CallDependencies,
  call: InterceptedCall,
  hold: MemoryHold,
): Promise<void> {
  const { clock, metrics, describeContext } = dependencies;
  const start = clock.monotonic();
  const description = describeHead(call.head, describeContext);
  if (description.kind === 'discovery')
    return answerDiscovery(dependencies, call, description, hold);

  const actionType = description.kind === 'http' ? 'HTTP' : 'Kubernetes';
  const body: CallBody = call.bodyIsEmpty
    ? { kind: 'none' }
    : await readBody(call.body, BODY_LIMIT_BYTES, hold);
  const described = describeBody(description, body.kind === 'whole' ? body.bytes : body.kind);
  hold.take(described.canonicalBody?.length ?? 0);
  let authorization: Authorization;
  try {
    authorization = await authorize(dependencies, described.action, call.signal);
  } catch (error) {
    metrics.calls.inc({ action_type: actionType, effect: 'Refused' });
    throw withManifest(dependencies, described, error);
  }
  metrics.calls.inc({ action_type: actionType, effect: 'Granted' });
  metrics.addedLatency.observe({ action_type: actionType }, (clock.monotonic() - start) / 1000);
  await use(dependencies, call, authorization, () =>
    upstreamRequest(description, described, body, authorization),
  );
}

/** Forwards once, and reports how it ended whatever happens. */
async function use(
  dependencies: CallDependencies,
  call: InterceptedCall,
  authorization: Authorization,
  buildRequest: () => UpstreamRequest & { kubernetes: boolean },
): Promise<void> {
  const { forwarder, complete, config, clock, metrics } = dependencies;
  const { nonce, grant, credential, deadline } = authorization;
  const start = clock.monotonic();
  let outcome: Outcome = 'NotDispatched';
  let responseCode: number | undefined;
  try {
    const request = buildRequest();
    const response = await forwarder.forward(request, {
      deadline,
      signal: call.signal,
      identity: grant.uid,
      onDispatched() {
        outcome = 'Unknown';
      },
      ...(request.kubernetes
        ? {
            kubernetes: { ca: config.kubernetes.ca, serverName: KUBERNETES_SERVER_NAME },
          }
        : // Threat 13: an HTTP action that ends up at a server with one of these names is the API server in disguise.
          { refuseCertificateNames: API_SERVER_NAMES }),
    });
    // The service has answered: that is the outcome, whether or not the rest of the body arrives.
    outcome = response.status < 400 ? 'Succeeded' : 'Failed';
    responseCode = response.status;
    await answer(call, response);
  } finally {
    metrics.useStage.observe({ stage: 'forward' }, (clock.monotonic() - start) / 1000);
    void complete({
      nonce,
      outcome,
      grant,
      deadline,
      ...(responseCode === undefined ? {} : { responseCode }),
      ...(credential === undefined ? {} : { token: credential.token }),
    });
  }
}

async function answer(call: InterceptedCall, response: UpstreamResponse): Promise<void> {
  try {
    call.respond.writeHead(response.status, response.headers);
    await call.respond.pipe(response.body);
  } catch (error) {
    // An answer that nobody gets is not read on under a use that has ended.
    response.body.destroy();
    throw error;
  }
}

/** What is sent: built from what was compared. For a JSON grant that is the canonical body. */
function upstreamRequest(
  description: HttpDescription | KubernetesDescription,
  described: DescribedCall,
  body: CallBody,
  { bodyForm, credential }: Authorization,
): UpstreamRequest & { kubernetes: boolean } {
  return {
    ...description.upstream,
    kubernetes: description.kind === 'kubernetes',
    body: bodyToSend(described, body, bodyForm),
    ...(credential === undefined ? {} : { credential }),
  };
}

function bodyToSend(
  { canonicalBody }: DescribedCall,
  body: CallBody,
  form: Authorization['bodyForm'],
): UpstreamRequest['body'] {
  if (form === 'JSON') {
    if (canonicalBody === undefined) {
      throw new ProblemError('Internal', 'A JSON grant matched a body that has no JSON reading.');
    }
    return canonicalBody;
  }
  switch (body.kind) {
    case 'none':
      return null;
    case 'whole':
      return body.bytes;
    case 'tooLarge':
      return body.stream;
  }
}

/** What the API server offers, from the controller: reading that takes no grant, and gives away no object. */
async function answerDiscovery(
  { exchange, metrics }: CallDependencies,
  call: InterceptedCall,
  description: DiscoveryDescription,
  hold: MemoryHold,
): Promise<void> {
  if (description.upstream.method !== 'GET') {
    throw new ProblemError('DiscoveryRefused', 'API discovery is read with GET only.');
  }
  const document = await exchange.discovery(description.upstream.path).catch((error: unknown) => {
    if (error instanceof ProblemError) throw error;
    throw new ProblemError(
      'ControllerUnavailable',
      'The ActionGrant controller cannot be reached, so API discovery is not available. Try again.',
      { cause: error },
    );
  });
  const bytes = Buffer.from(JSON.stringify(document));
  // Megabytes, in memory for as long as the client takes to read them.
  hold.take(bytes.length);
  metrics.calls.inc({ action_type: 'Kubernetes', effect: 'Discovery' });
  call.respond.writeHead(200, [['content-type', 'application/json']]);
  await call.respond.end(bytes);
}

/** A refusal for want of a grant says which grant would do. */
function withManifest(
  { config }: CallDependencies,
  { action, canonicalBody }: DescribedCall,
  error: unknown,
): unknown {
  if (!(error instanceof ProblemError) || error.code !== 'GrantRequired') return error;
  return new ProblemError(error.code, error.detail, {
    manifest: grantManifest(action, {
      ...config.agent,
      ...(canonicalBody === undefined
        ? {}
        : { bodyJson: Buffer.from(canonicalBody).toString('utf8') }),
    }),
  });
}
