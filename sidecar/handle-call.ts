/** One call, top to bottom: describe → authorize → forward → complete. */

import { actionType } from '../core/action/action.ts';
import { BODY_LIMIT_BYTES } from '../core/api/names.ts';
import type { Outcome } from '../core/api/phase.ts';
import { SIDECAR_CONTAINER_NAME } from '../core/api/pod-layout.ts';
import { asProblem, type ProblemError } from '../core/api/problem.ts';
import type { Clock } from '../core/time/clock.ts';
import type { Logger } from '../process/log.ts';
import { answerDiscovery } from './answer-discovery.ts';
import { type Authorization, type AuthorizeDependencies, authorize } from './authorize.ts';
import type { SidecarConfig } from './config.ts';
import { attemptedCall } from './describe/attempted.ts';
import { describeBody } from './describe/body.ts';
import { callType } from './describe/call-types.ts';
import type { DescribeContext } from './describe/context.ts';
import { describeHead } from './describe/describe.ts';
import { checkMCP } from './describe/mcp-initialize.ts';
import { type ReadHead, readHead } from './describe/read-head.ts';
import type { EarlierTries } from './earlier-tries.ts';
import type { RefusalReporter } from './exchange/report-refusals.ts';
import { forgetSecret } from './forget-secret.ts';
import { ForwardError } from './forward/error.ts';
import type { Forwarder } from './forward/forward.ts';
import type { UpstreamResponse } from './forward/upstream.ts';
import type { InterceptedCall } from './intercept/call.ts';
import type { MemoryBudget, MemoryHold } from './intercept/memory-budget.ts';
import { type CallBody, readBody } from './intercept/read-body.ts';
import type { ManifestAllowance } from './manifest-allowance.ts';
import type { SidecarMetrics } from './metrics.ts';
import { withManifest } from './missing-grant.ts';
import { Caller } from './refuse/caller.ts';
import { type Refusal, renderRefusal } from './refuse/refuse.ts';
import type { LiveSecrets } from './scan/live-secrets.ts';
import type { Turns } from './turns.ts';
import { upstreamRequest } from './upstream-request.ts';
import type { WholeCall } from './whole-call.ts';

export interface CallDependencies extends AuthorizeDependencies {
  config: Pick<SidecarConfig, 'agent' | 'podName'> & {
    kubernetes: Pick<SidecarConfig['kubernetes'], 'ca'>;
  };
  describeContext: DescribeContext;
  forwarder: Pick<Forwarder, 'forward'>;
  /** Shared by every call: what no answer may bring to the agent, of whichever call it is. */
  secrets: LiveSecrets;
  /** Shared by every call: for what is kept whole of bodies and documents. */
  memory: MemoryBudget;
  /** Shared by every call: for what takes long to compute. */
  turns: Turns;
  refusals: Pick<RefusalReporter, 'report'>;
  manifestsLogged: ManifestAllowance;
  tries: EarlierTries;
  clock: Clock;
  metrics: SidecarMetrics;
  log: Logger;
}

/** Answers the call in every case; throws only what is a fault of our own. */
export async function handleCall(
  dependencies: CallDependencies,
  call: InterceptedCall,
): Promise<void> {
  const hold = dependencies.memory.hold();
  try {
    const read = readHead(call.head, dependencies.describeContext.searchDomains);
    // The answer's bytes are all that is kept of a failure for as long as the client takes to read them.
    const refusal = await carryOut(dependencies, call, read, hold).then(
      () => null,
      (error: unknown) => {
        // Nothing can be said any more, and it is cut at once.
        if (call.respond.started) call.respond.abort();
        return dependencies.turns.run(() => refused(dependencies, call, read, hold, error));
      },
    );
    if (refusal === null) return;
    call.respond.writeHead(refusal.status, refusal.headers, refusal.reason);
    await call.respond.end(refusal.body);
  } finally {
    hold.release();
  }
}

async function carryOut(
  dependencies: CallDependencies,
  call: InterceptedCall,
  read: ReadHead,
  hold: MemoryHold,
): Promise<void> {
  const { clock, turns, describeContext } = dependencies;
  const start = clock.monotonic();
  const description = await turns.run(() => describeHead(read, describeContext));
  if (description.kind === 'discovery') {
    return answerDiscovery(dependencies, call, description, hold);
  }
  const body: CallBody = call.bodyIsEmpty
    ? { kind: 'none' }
    : await readBody(call.body, BODY_LIMIT_BYTES, hold);
  const described = await turns.run(() => {
    if (body.kind === 'whole') checkMCP(description.upstream.method, body.bytes);
    return describeBody(description, body.kind === 'whole' ? body.bytes : body.kind);
  });
  hold.take((described.canonicalBody ?? described.canonicalForm?.bytes)?.length ?? 0);
  const whole = { description, described, body };
  const authorization = await authorizeCall(dependencies, call, whole, start);
  await forwardOnce(dependencies, call, whole, authorization);
}

/** @param start monotonic ms at which the call was begun with */
async function authorizeCall(
  dependencies: CallDependencies,
  call: InterceptedCall,
  whole: WholeCall,
  start: number,
): Promise<Authorization> {
  const { clock, metrics, turns } = dependencies;
  const { action } = whole.described;
  const labels = { action_type: action.type };
  let authorization: Authorization;
  try {
    authorization = await authorize(dependencies, action, call.signal);
  } catch (error) {
    metrics.calls.inc({ ...labels, effect: 'Refused' });
    throw await turns.run(() => withManifest(dependencies, whole, error));
  }
  metrics.calls.inc({ ...labels, effect: 'Granted' });
  metrics.addedLatency.observe(labels, (clock.monotonic() - start) / 1000);
  return authorization;
}

/** Forwards once, and completes the use however that ends. */
async function forwardOnce(
  dependencies: CallDependencies,
  call: InterceptedCall,
  { description, described, body }: WholeCall,
  authorization: Authorization,
): Promise<void> {
  const { forwarder, config, clock, metrics, tries } = dependencies;
  const { grant, deadline, wallDeadline } = authorization;
  const start = clock.monotonic();
  const reportEnd = lend(dependencies, authorization);
  let outcome = 'NotDispatched' as Outcome;
  let responseCode: number | undefined;
  let problem: ProblemError | undefined;
  const thisTry = tries.begin(described.action, authorization);
  const answeredWith = (status: number): void => {
    outcome = actionType(description.action).outcome({ status });
    responseCode = status;
  };
  try {
    const request = upstreamRequest(description, described, body, authorization);
    const response = await forwarder.forward(request, {
      deadline,
      wallDeadline,
      signal: call.signal,
      identity: grant.uid,
      onDispatched() {
        outcome = 'Unknown';
      },
      // An agent that does not take its answer must not keep its credential alive by that (P3).
      onAnswered(status) {
        answeredWith(status);
        reportEnd(outcome, responseCode);
      },
      ...callType(description).guard(config.kubernetes),
    });
    // The service has answered: that is the outcome, whether or not the rest of the body arrives.
    answeredWith(response.status);
    await answer(call, response);
  } catch (error) {
    problem = asProblem(error);
    // We cut it: whether the service would have gone on to say that it failed, nobody can tell.
    if (outcome === 'Succeeded' && isCutAtDeadline(error)) outcome = 'Unknown';
    throw error;
  } finally {
    metrics.useStage.observe({ stage: 'forward' }, (clock.monotonic() - start) / 1000);
    thisTry.end({
      dispatched: outcome !== 'NotDispatched',
      ...(responseCode === undefined ? {} : { status: responseCode }),
      ...(problem === undefined ? {} : { problem }),
    });
    reportEnd(outcome, responseCode);
  }
}

/**
 * From here on no answer brings the credential to the agent, before anybody else can have it.
 * @returns what reports the end of the use, once, however often it is called
 */
function lend(
  { complete, clock, secrets }: CallDependencies,
  { nonce, grant, credential, deadline }: Authorization,
): (outcome: Outcome, responseCode: number | undefined) => void {
  const forget = credential === undefined ? undefined : secrets.add(credential.secretTexts());
  let isReported = false;
  return (outcome, responseCode) => {
    if (isReported) return;
    isReported = true;
    const completed = complete({
      nonce,
      outcome,
      grant,
      deadline,
      ...(responseCode === undefined ? {} : { responseCode }),
      ...(credential === undefined ? {} : { token: credential.token }),
    });
    if (credential !== undefined && forget !== undefined) {
      void forgetSecret(clock, credential, completed, forget);
    }
  };
}

function isCutAtDeadline(error: unknown): boolean {
  return error instanceof ForwardError && error.code === 'DeadlineExceeded';
}

async function answer(call: InterceptedCall, response: UpstreamResponse): Promise<void> {
  try {
    call.respond.writeHead(response.status, response.headers);
    await call.respond.pipe(response.body);
  } catch (error) {
    // Cutting the client off may look as if it had gone by itself: what became of the body is the reason.
    const reason = response.body.errored ?? error;
    // An answer that nobody gets is not read on under a use that has ended.
    response.body.destroy();
    throw reason;
  }
}

/** Counts and reports the refusal, and returns what is left to say to the client. Null: nothing can be said any more. */
function refused(
  { metrics, log, refusals, manifestsLogged, describeContext, config }: CallDependencies,
  call: InterceptedCall,
  read: ReadHead,
  hold: MemoryHold,
  error: unknown,
): Refusal | null {
  const problem = asProblem(error);
  metrics.refusals.inc({ code: problem.code });
  const attempted = attemptedCall(read);
  const fields = { code: problem.code, detail: problem.detail, attempted };
  if (problem.code === 'Internal') log.error('a call failed', { ...fields, error });
  else log.info('a call was refused', { ...fields, ...manifestsLogged.take(problem.manifest) });
  refusals.report({ code: problem.code, attempted });
  if (call.respond.finished) return null;
  return renderRefusal(
    { problem, attempted, ...logCommand(config) },
    new Caller(read, describeContext.kubernetes.authorities),
    hold,
  );
}

/** What an approver runs to see the manifests of what was refused here. */
function logCommand({ agent, podName }: CallDependencies['config']): { logCommand?: string } {
  return podName === undefined
    ? {}
    : { logCommand: `kubectl -n ${agent.namespace} logs ${podName} -c ${SIDECAR_CONTAINER_NAME}` };
}
