/**
 * Writes the pod's packet filter and ends: the first init container, root with NET_ADMIN alone. If it fails, so does the pod.
 * `--print` shows the rules and changes nothing, so it works anywhere; everything else is for injected pods alone.
 */

import { SIDECAR_PORTS, SIDECAR_UID } from '../../core/api/pod-layout.ts';
import { asProblem } from '../../core/api/problem.ts';
import { ConfigReader, processEnvironment } from '../../process/config.ts';
import { createProcessLogger } from '../../process/log.ts';
import { applyRuleset } from './apply.ts';
import { checkInjected, readInboundPorts } from './inbound-ports.ts';
import { toTransaction } from './nft-text.ts';
import { createRuleset } from './ruleset.ts';

const log = createProcessLogger('net-init', 'info');

async function main(): Promise<void> {
  const onlyPrint = process.argv.includes('--print');
  const reader = new ConfigReader(processEnvironment());
  if (!onlyPrint) checkInjected(reader);
  const inboundPorts = readInboundPorts(reader);
  reader.finish();
  const chains = createRuleset({ sidecarUID: SIDECAR_UID, ports: SIDECAR_PORTS, inboundPorts });
  if (onlyPrint) {
    process.stdout.write(toTransaction(chains));
    return;
  }
  await applyRuleset(chains);
  log.info('the packet filter is in force', { inboundPorts });
}

main().catch((error: unknown) => {
  const { code, detail, cause } = asProblem(error);
  log.error('the packet filter could not be set, so the pod does not start', {
    code,
    detail,
    cause,
  });
  process.exitCode = 1;
});
