/** The ports of a pod that may be reached from outside, as the webhook writes them down. */

import { INBOUND_PORTS_VARIABLE, SIDECAR_PORTS } from '../../core/api/pod-layout.ts';
import type { ConfigReader } from '../../process/config.ts';

export interface InboundPorts {
  /** Ascending, each once. */
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/**
 * Ours where only the pod itself may connect: an agent that listened there on the pod's address would look like the sidecar. The
 * fourth, `operations`, is let in from outside in any case, for the kubelet and metrics.
 */
const LOOPBACK_ONLY: readonly number[] = [
  SIDECAR_PORTS.explicitProxy,
  SIDECAR_PORTS.transparent,
  SIDECAR_PORTS.dns,
];

/** Reads `8080/tcp,5353/udp`; empty is none. Complains to the reader of each entry that is wrong, by its text. */
export function readInboundPorts(reader: ConfigReader): InboundPorts {
  const ports = { tcp: new Set<number>(), udp: new Set<number>() };
  for (const entry of reader.list(INBOUND_PORTS_VARIABLE)) {
    const [, digits, protocol] = /^([1-9][0-9]{0,4})\/(tcp|udp)$/.exec(entry) ?? [];
    const port = Number(digits);
    if (digits === undefined || port > 65535) {
      const wanted = 'must be a comma-separated list of port/tcp and port/udp';
      reader.complain(INBOUND_PORTS_VARIABLE, `${wanted}, not "${entry}"`);
    } else if (LOOPBACK_ONLY.includes(port)) {
      reader.complain(INBOUND_PORTS_VARIABLE, `has "${entry}", which is a port of the sidecar`);
    } else {
      ports[protocol === 'udp' ? 'udp' : 'tcp'].add(port);
    }
  }
  return { tcp: ascending(ports.tcp), udp: ascending(ports.udp) };
}

/**
 * Complains where the variable is not there at all: nobody has injected this container, and on a machine the filter would close
 * the network for everybody. In a pod without ports the webhook writes the variable, too, and the kubelet gives it the empty text.
 */
export function checkInjected(reader: ConfigReader): void {
  if (reader.has(INBOUND_PORTS_VARIABLE)) return;
  reader.complain(
    INBOUND_PORTS_VARIABLE,
    'is missing, so this is no injected pod, and the packet filter would close the network of whatever it is; only --print works here',
  );
}

const ascending = (ports: Set<number>): number[] => [...ports].sort((a, b) => a - b);
