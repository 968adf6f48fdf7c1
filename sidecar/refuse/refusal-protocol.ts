/** How refusals are said in one protocol, and to whom. */

import type { ProblemError } from '../../core/api/problem.ts';

export interface RefusalProtocol {
  readonly contentType: string;
  /** The text of the body. */
  render(problem: ProblemError): string;
  readonly spokenBy: Clients;
}

/** Whose protocol it is. */
export type Clients =
  | 'everybody'
  /** Those that call the API server of this cluster. */
  | 'callersOfTheAPIServer'
  /** Those whose User-Agent begins with this product (RFC 9110 10.1.5). */
  | { readonly product: string };
