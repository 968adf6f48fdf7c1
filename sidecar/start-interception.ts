/** Interception without the agent's knowing: its DNS, and where its connections were going. */

import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../core/time/clock.ts';
import { settingUnusable } from '../process/config.ts';
import type { TransparentConfig } from './config.ts';
import { addressFamiliesOf } from './dns/address-families.ts';
import type { DNSEvent } from './dns/responder.ts';
import { parseSearchDomains } from './dns/search-domains.ts';
import { startDNSServer } from './dns/server.ts';
import { createSyntheticAddresses } from './dns/synthetic-addresses.ts';
import type { TransparentOptions } from './intercept/interceptor.ts';
import { listenable } from './intercept/listenable.ts';
import { loadOriginalDestination } from './intercept/original-destination.ts';

/**
 * DNS, and what the front end for redirected connections needs.
 * @throws ProblemError ConfigurationInvalid if this system cannot intercept: then nothing may be let through
 */
export async function startInterception(
  { listen, dnsListen }: Pick<TransparentConfig, 'listen' | 'dnsListen'>,
  clock: Clock,
  onDNSEvent: (event: DNSEvent) => void,
): Promise<{ options: TransparentOptions; close(): Promise<void> }> {
  const originalDestination = await loadOriginalDestination().catch((error: unknown) => {
    throw settingUnusable('ACTIONGRANT_TRANSPARENT_LISTEN', 'cannot be used on this system', error);
  });
  const interfaces = networkInterfaces();
  const addresses = createSyntheticAddresses();
  const dns = await startDNSServer({
    listen: listenable(dnsListen, interfaces),
    addresses,
    families: addressFamiliesOf(interfaces),
    clock,
    onEvent: onDNSEvent,
  }).catch((error: unknown) => {
    throw settingUnusable('ACTIONGRANT_DNS_LISTEN', 'cannot be listened on', error);
  });
  return {
    options: { listen: listenable(listen, interfaces), names: addresses, originalDestination },
    close: () => dns.close(),
  };
}

/** What the agent's resolver adds to short names: it reads the same file, of the same pod. */
export async function readSearchDomains(): Promise<string[]> {
  return parseSearchDomains(await readFile('/etc/resolv.conf', 'utf8'));
}
