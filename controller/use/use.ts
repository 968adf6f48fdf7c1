/** One use, top to bottom: match ▸ mint ▸ consume ▸ hand over. */

import type { BodyForm } from '../../core/action/body.ts';
import { actionKeys } from '../../core/action/digest.ts';
import type { Phase } from '../../core/api/phase.ts';
import { ProblemError } from '../../core/api/problem.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import { isKubernetesError } from '../../core/kubernetes/error.ts';
import { byText } from '../../core/kubernetes/time.ts';
import type { Secret } from '../../core/text/secret.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { UseAnswer, UseRequest } from '../../core/wire/use.ts';
import type { IssuedCredential } from '../credentials/credential-type.ts';
import { issueCredential } from '../credentials/credentials.ts';
import {
  type GrantCache,
  grantOfNonce,
  grantsForAction,
  otherGrantsForAction,
} from '../grants/cache.ts';
import { actionGrants, type LiveGrant } from '../grants/resource.ts';
import { unavailable } from '../kubernetes-unavailable.ts';
import type { ControllerMetrics, UseStage } from '../record/metrics.ts';
import type { Reporter } from '../record/recorder.ts';
import type { Caller } from './caller.ts';
import { type Consumption, consume } from './consume.ts';
import type { Freshener } from './freshen.ts';
import { type Mismatch, mismatch, preferred } from './match.ts';

export interface UseDependencies {
  client: KubernetesClient;
  cache: GrantCache;
  freshener: Freshener;
  clock: Clock;
  metrics: ControllerMetrics;
  reporter: Reporter;
  acceptsGrantsFrom(agentNamespace: string, grantNamespace: string): boolean;
  /** A random UUID for each try of a consuming write. */
  createAttemptID(): string;
  /** Called with every credential that is handed over, so that its revocation can be confirmed later. */
  handedOver(nonce: string, token: Secret): void;
}

export interface UseHandler {
  /**
   * @param abandoned fires when the sidecar no longer waits: nothing is consumed after that
   * @throws ProblemError
   */
  use(caller: Caller, request: UseRequest, abandoned: AbortSignal): Promise<UseAnswer>;
}

/** How often a lost compare-and-swap is answered with another look. */
const MAX_CONFLICTS = 8;
/** Grants whose credential was refused that one call passes over. */
const MAX_REFUSED = 3;
/** Time that must be left to start a step: less would only burn the grant. */
const MIN_STEP_MILLISECONDS = 20;

interface Candidate {
  grant: LiveGrant;
  form: BodyForm;
}

interface Match {
  usable: Candidate[];
  /** Why grants for this action cannot be used, for the refusal. */
  reasons: Mismatch[];
}

export function createUseHandler(dependencies: UseDependencies): UseHandler {
  const { client, cache, freshener, clock, metrics, reporter, acceptsGrantsFrom } = dependencies;
  /** Grants that a call of this replica is trying now, by UID: another call waits instead of minting in vain. */
  const inFlight = new Map<string, Promise<unknown>>();
  /** Nonces seen here that no status has yet: a repeated message must not start a second use. */
  const noncesInWork = new Set<string>();

  const timed = async <T>(stage: UseStage, work: () => T | Promise<T>): Promise<T> => {
    const start = clock.monotonic();
    try {
      return await work();
    } finally {
      metrics.useStage.observe({ stage }, (clock.monotonic() - start) / 1000);
    }
  };

  const match = (caller: Caller, request: UseRequest): Match => {
    const result: Match = { usable: [], reasons: [] };
    for (const { form, digest } of actionKeys(request.action)) {
      for (const grant of grantsForAction(cache, caller, digest)) {
        const reason = mismatch(grant, {
          caller,
          nonce: request.nonce,
          digest,
          now: clock.now(),
          acceptsGrantsFrom,
        });
        if (reason === undefined) result.usable.push({ grant, form });
        else result.reasons.push(reason);
      }
    }
    result.usable.sort(preferred);
    return result;
  };

  /** The latest first; not those of a namespace that the agent's own does not accept: their names are its words. */
  const others = (caller: Caller, request: UseRequest): LiveGrant[] =>
    actionKeys(request.action)
      .flatMap(({ digest }) => otherGrantsForAction(cache, caller, digest))
      .filter(
        ({ metadata: { namespace } }) =>
          namespace === caller.namespace || acceptsGrantsFrom(caller.namespace, namespace),
      )
      .sort((a, b) => byText(b.metadata.creationTimestamp, a.metadata.creationTimestamp));

  const attempt = async (
    caller: Caller,
    request: UseRequest,
    { grant, form }: Candidate,
    remaining: () => number,
  ): Promise<UseAnswer | Exclude<Consumption['type'], 'Consumed'>> => {
    let credential: IssuedCredential | undefined;
    try {
      credential = await timed('mint', () => issueCredential(client, grant, remaining()));
    } catch (error) {
      // A cache that lags names a Secret that is gone by now: only the live grant tells whether that is all.
      if (!isCredentialRefused(error)) throw error;
      if (await changed(grant, remaining())) return 'Conflict';
      throw error;
    }
    const timeoutMilliseconds = remaining();
    const consumption = await timed('consume', () =>
      consume({
        client,
        cache,
        grant,
        nonce: request.nonce,
        attemptID: dependencies.createAttemptID(),
        caller,
        credential,
        now: clock.now(),
        timeoutMilliseconds,
      }),
    );
    if (consumption.type !== 'Consumed') return consumption.type;
    reporter.consumed(consumption.grant, {
      nonce: request.nonce,
      pod: `${caller.namespace}/${caller.podName}`,
      ...(credential === undefined ? {} : { credentialID: credential.record.id }),
    });
    if (credential !== undefined) {
      dependencies.handedOver(request.nonce, credential.token);
    }
    const { namespace, name, uid } = grant.metadata;
    return {
      nonce: request.nonce,
      grant: { namespace, name, uid },
      bodyForm: form,
      timeoutMilliseconds: grant.spec.timeoutSeconds * 1000,
      ...(credential === undefined
        ? {}
        : {
            credential: {
              token: credential.token.reveal(),
              expirationTime: credential.record.expirationTime,
            },
          }),
    };
  };

  /** Whether the grant is no longer what we had; the next look then sees what the API server has. */
  const changed = async (grant: LiveGrant, timeoutMilliseconds: number): Promise<boolean> => {
    const { namespace, name, resourceVersion } = grant.metadata;
    try {
      const live = await client.get(actionGrants, { namespace, name }, { timeoutMilliseconds });
      cache.observe(live);
      return live.metadata.resourceVersion !== resourceVersion;
    } catch (error) {
      if (!isKubernetesError(error, 'NotFound')) throw error;
      // Deleted: the watch will say so; until then every attempt ends here, and their number is bounded.
      return true;
    }
  };

  const run = async (
    caller: Caller,
    request: UseRequest,
    abandoned: AbortSignal,
  ): Promise<UseAnswer> => {
    const giveUpAt = clock.monotonic() + request.waitMilliseconds;
    const remaining = (): number => {
      const left = giveUpAt - clock.monotonic();
      if (abandoned.aborted || left < MIN_STEP_MILLISECONDS) {
        throw new ProblemError(
          'UseRaced',
          'The time that the sidecar would wait is over; nothing was consumed.',
        );
      }
      return left;
    };

    let fresh = false;
    let conflicts = 0;
    /** Grants without a credential to be had, by UID: they must not stand in the way of a new one for the same action. */
    const refused = new Map<string, ProblemError>();
    for (;;) {
      if (grantOfNonce(cache, request.nonce) !== undefined) throw alreadyUsed();
      const { usable: matching, reasons } = await timed('match', () => match(caller, request));
      const usable = matching.filter(({ grant }) => !refused.has(grant.metadata.uid));
      const candidate = usable.find(({ grant }) => !inFlight.has(grant.metadata.uid));
      if (candidate === undefined) {
        const busy = usable[0] && inFlight.get(usable[0].grant.metadata.uid);
        if (busy !== undefined) {
          await within(busy, remaining(), clock);
          continue;
        }
        if (fresh) {
          const [problem] = refused.values();
          throw problem ?? refusal(reasons, others(caller, request));
        }
        // First the time: a check that was begun and that nobody waits for would fail unheard, and end the process.
        const left = remaining();
        await within(freshener.freshen(caller), left, clock);
        fresh = true;
        continue;
      }
      const { uid } = candidate.grant.metadata;
      const work = attempt(caller, request, candidate, remaining);
      inFlight.set(
        uid,
        work.catch(() => undefined),
      );
      let result: Awaited<typeof work>;
      try {
        result = await work;
      } catch (error) {
        if (!isCredentialRefused(error) || refused.size + 1 >= MAX_REFUSED) throw error;
        refused.set(uid, error);
        continue;
      } finally {
        inFlight.delete(uid);
      }
      if (typeof result !== 'string') return result;
      if (result === 'Ambiguous') {
        metrics.ambiguousWrites.inc();
        throw new ProblemError(
          'OutcomeAmbiguous',
          'The answer of the API server was lost, so whether the grant was consumed is not known. No credential was handed over; try again.',
        );
      }
      metrics.consumeConflicts.inc();
      conflicts++;
      if (conflicts >= MAX_CONFLICTS) {
        throw new ProblemError('UseRaced', `The grant changed ${conflicts} times; try again.`);
      }
      await changed(candidate.grant, remaining());
    }
  };

  return {
    async use(caller, request, abandoned) {
      if (noncesInWork.has(request.nonce)) throw alreadyUsed();
      noncesInWork.add(request.nonce);
      try {
        return await run(caller, request, abandoned);
      } catch (error) {
        throw unavailable(error);
      } finally {
        noncesInWork.delete(request.nonce);
      }
    },
  };
}

/** Nothing was consumed, and this grant never will be. */
function isCredentialRefused(error: unknown): error is ProblemError {
  return error instanceof ProblemError && error.code === 'CredentialRefused';
}

function alreadyUsed(): ProblemError {
  return new ProblemError(
    'AlreadyUsed',
    'nonce: a use with this nonce exists; every call needs a nonce of its own.',
    { field: 'nonce' },
  );
}

/** Grants named in a refusal, at most. */
const MAX_NAMED = 3;

/** What became of grants for this very action: most refusals are a second use, or a grant that still waits. */
const STANDING: Readonly<Record<Phase, string>> = {
  Pending: 'waits for a decision',
  Approved: 'is approved',
  InUse: 'is in use by another call',
  Finished: 'was used',
  Denied: 'was denied',
  Expired: 'has expired',
  Revoked: 'was revoked',
};

function refusal(reasons: readonly Mismatch[], others: readonly LiveGrant[]): ProblemError {
  const named = others
    .slice(0, MAX_NAMED)
    .map(({ metadata, status }) => `${metadata.name} ${STANDING[status?.phase ?? 'Pending']}`);
  const seen = [...new Set(reasons)].map((reason) => `an approved one ${reason}`);
  const known = [...seen, ...named];
  return new ProblemError(
    'GrantRequired',
    `No approved, unused grant of this agent covers exactly this action${
      known.length === 0 ? '' : ` (${known.join('; ')})`
    }.`,
  );
}

/** Waits for others' work, but no longer than the caller does. */
async function within(work: Promise<unknown>, milliseconds: number, clock: Clock): Promise<void> {
  let timer: { cancel(): void } | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = clock.after(milliseconds, () =>
      reject(
        new ProblemError(
          'UseRaced',
          'The time that the sidecar would wait is over; nothing was consumed.',
        ),
      ),
    );
  });
  try {
    await Promise.race([work, timeout]);
  } finally {
    timer?.cancel();
  }
}
