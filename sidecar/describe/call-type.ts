/** What a type of action is to the sidecar: everything that differs between types is a member here. */

import type { Action } from '../../core/action/action.ts';
import type { ActionHead, BodyExpectation, DiscoveryDescription } from './description.ts';
import type { RequestHeaders } from './headers.ts';
import type { Target } from './target.ts';

/** What the forwarder makes sure of before it sends a byte. */
export interface UpstreamGuard {
  /** The upstream is refused if its certificate is valid for one of these names. */
  refuseCertificateNames?: readonly string[];
  /** The upstream is the API server: trusted by the cluster's CA alone, verified against this name. */
  kubernetes?: { ca: string; serverName: string };
}

/** Each entry of the table (call-types.ts) sees descriptions of its own type only. */
export interface CallType<D extends ActionHead<Action>> {
  /** Whether a call is of this type; the first type of the table that says so has it. */
  takes(target: Target, headers: RequestHeaders): boolean;
  /**
   * From what was read of the head to the action and to what may be sent.
   * @throws ProblemError for a call that no grant could ever cover
   */
  describe(
    method: string,
    target: Target,
    headers: RequestHeaders,
    body: BodyExpectation,
  ): D | DiscoveryDescription;
  /** What is asked of a body, besides what HTTP asks of every one. @throws ProblemError */
  checkBody(description: D): void;
  /** @param cluster `ca`: PEM of the API server's CA */
  guard(cluster: { ca: string }): UpstreamGuard;
}
