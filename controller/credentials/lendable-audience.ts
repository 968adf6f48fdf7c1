/** For which audiences no token is lent, at admission and again before one is minted. */

import { type ApiAudiences, isExchangeAudience } from './api-audiences.ts';
import type { CredentialFault } from './credential-type.ts';
import {
  AUDIENCE_OF_THE_API_SERVER,
  AUDIENCE_OF_THE_EXCHANGE,
} from './service-account-token-refusals.ts';

/** What refuses the audience, as far as is known; undefined: nothing. */
export function audienceFault(
  audience: string,
  apiServerAudiences: Pick<ApiAudiences, 'includes'>,
): CredentialFault | undefined {
  if (isExchangeAudience(audience)) {
    const { field, reason } = AUDIENCE_OF_THE_EXCHANGE;
    return { field, reason: reason({ audience }) };
  }
  return apiServerAudiences.includes(audience) ? audienceOfTheApiServer(audience) : undefined;
}

export function audienceOfTheApiServer(audience: string): CredentialFault {
  const { field, reason } = AUDIENCE_OF_THE_API_SERVER;
  return { field, reason: reason({ audience }) };
}
