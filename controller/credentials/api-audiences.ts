/**
 * The audiences that the API server itself accepts: a token for one of them is a credential for the whole cluster, so none is
 * lent for an HTTP call. They are its `--api-audiences`, or else its issuer, and every distribution has its own. So they are
 * asked for at start, learned while tokens are minted, and proved before a token for an audience leaves for the first time.
 */

import { decodeJwt } from 'jose';
import { API_SERVER_AUDIENCES, EXCHANGE_AUDIENCE } from '../../core/api/names.ts';
import { BoundedMap } from '../../core/bounded-map.ts';
import type { KubernetesClient } from '../../core/kubernetes/client.ts';
import type { TokenReviewStatus } from '../../core/kubernetes/reviews.ts';
import { isRecord } from '../../core/text/json.ts';
import type { Secret } from '../../core/text/secret.ts';
import type { Clock } from '../../core/time/clock.ts';

export interface ApiAudiences {
  /** Whether the audience is known to be one of the API server's, in whatever spelling. */
  includes(audience: string): boolean;
  /**
   * Asks the API server for its issuer, and whose tokens of ours it accepts. Once is enough: its flags change with a restart,
   * and proofs are repeated.
   * @throws KubernetesError
   */
  discover(): Promise<void>;
  /**
   * The audience for a token that is to open the API server. One is enough, and with several the API server would put all of them
   * into the token. Undefined: not known, so leave the choice to the API server.
   */
  forKubernetes(): string | undefined;
  /** Takes the audiences of a token that was asked for without any: the API server has filled in all of its own. */
  learnFrom(tokenForApiServer: Secret): void;
  /**
   * Whether the API server refuses a token for the reason of its audience. The proof holds for every token of that audience, and
   * is believed for some minutes.
   * @param token for this audience alone, just minted
   * @throws KubernetesError if it cannot be asked
   */
  refuses(audience: string, token: Secret, timeoutMilliseconds: number): Promise<boolean>;
}

export interface ApiAudiencesOptions {
  client: Pick<KubernetesClient, 'raw' | 'tokenReview'>;
  clock: Clock;
  /** Those that an administrator has named. */
  configured: readonly string[];
  /** The bearer token with which we speak to the API server; undefined: we have a certificate. */
  ownToken(): Promise<string | undefined>;
}

/** How long a proof is believed. */
const PROOF_LIFETIME_MILLISECONDS = 10 * 60_000;
/** Audiences with a proof; the oldest goes first. */
const MAX_PROOFS = 1_000;

export function createApiAudiences(options: ApiAudiencesOptions): ApiAudiences {
  const { client, clock, configured, ownToken } = options;
  const known = new Set<string>();
  /** What the API server accepts our own token for. */
  let proven: string | undefined;
  /** When it was proved, monotonic ms, by audience. */
  const proofs = new BoundedMap<string, number>(MAX_PROOFS);
  const learn = (audiences: readonly string[]): void => {
    for (const audience of audiences) known.add(comparableAudience(audience));
  };
  learn([...API_SERVER_AUDIENCES, ...configured]);

  return {
    includes: (audience) => known.has(comparableAudience(audience)),
    async discover() {
      const configuration = await client.raw('/.well-known/openid-configuration');
      // Without `--api-audiences` the issuer is the only audience.
      if (isRecord(configuration) && typeof configuration['issuer'] === 'string') {
        learn([configuration['issuer']]);
      }
      const token = await ownToken();
      if (token === undefined) return;
      // A projected token may have audiences of others beside; the answer has those that are the API server's.
      const { audiences } = await client.tokenReview({ token });
      learn(audiences === undefined || audiences.length === 0 ? audiencesOf(token) : audiences);
      proven = audiences?.[0];
    },
    forKubernetes: () => proven,
    learnFrom(token) {
      learn(audiencesOf(token.reveal()));
    },
    async refuses(audience, token, timeoutMilliseconds) {
      const provedAt = proofs.get(audience);
      if (provedAt !== undefined && clock.monotonic() - provedAt < PROOF_LIFETIME_MILLISECONDS) {
        return true;
      }
      // Without audiences the answer is the one that API requests get.
      const review = await client.tokenReview({ token: token.reveal() }, { timeoutMilliseconds });
      if (review.authenticated === true) {
        learn([audience]);
        return false;
      }
      const targets = targetAudiences(review);
      learn(targets);
      // Refused for another reason, which may not last, it proves something about this one token only.
      if (targets.length > 0) proofs.set(audience, clock.monotonic());
      return true;
    },
  };
}

/** Whether this is the audience that proves who a sidecar is, in whatever spelling. */
export function isExchangeAudience(audience: string): boolean {
  return comparableAudience(audience) === EXCHANGE_AUDIENCE;
}

/**
 * One form of all spellings by which somebody might take an audience for another one: case, scheme, default port, final dot of a
 * host, final slashes. The API server compares byte for byte; a verifier that reads audiences as URLs may not.
 */
export function comparableAudience(audience: string): string {
  return audience
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/^([^/]*?)\.?(?::(?:443|80))?(?=\/|$)/, '$1')
    .replace(/\/+$/, '');
}

/** Of a token that came from the API server, and so is not verified again. */
function audiencesOf(token: string): readonly string[] {
  try {
    const { aud } = decodeJwt(token);
    return typeof aud === 'string' ? [aud] : (aud ?? []);
  } catch {
    // It is no JWT: a static token, or one of another authenticator.
    return [];
  }
}

/**
 * Which audiences the API server wanted instead: its words are `token audiences ["…"] is invalid for the target audiences ["…"]`,
 * with quoted texts of Go (k8s.io/kubernetes, serviceaccount/jwt.go). Empty: it refused for another reason.
 */
function targetAudiences({ error = '' }: TokenReviewStatus): readonly string[] {
  const list = /is invalid for the target audiences \[((?:"(?:[^"\\]|\\.)*" ?)*)\]/.exec(
    error,
  )?.[1];
  return [...(list ?? '').matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text);
}
