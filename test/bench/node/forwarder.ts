/**
 * The sidecar's interception with an exchange that always says yes, in a pod: ORIGIN_CA is the PEM that verifies the origin.
 * Its packet filter is the product's own.
 */

import { SIDECAR_PORTS } from '../../../core/api/pod-layout.ts';
import { systemClock } from '../../../core/time/clock.ts';
import { startInterception } from '../../../sidecar/start-interception.ts';
import { startAlwaysGranted } from '../always-granted.ts';

const loopback = (port: number) => ['127.0.0.1', '::1'].map((host) => ({ host, port }));
const { options } = await startInterception(
  { listen: loopback(SIDECAR_PORTS.transparent), dnsListen: loopback(SIDECAR_PORTS.dns) },
  systemClock,
  () => {},
);
await startAlwaysGranted({
  connectTo: [],
  trust: process.env['ORIGIN_CA'] ?? '',
  transparent: options,
});
console.log('ready');
