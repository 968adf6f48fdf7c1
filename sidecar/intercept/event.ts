import type { Destination } from '../describe/request-head.ts';

/**
 * What happens beside calls, for log, metrics and refusal reports. The destination is the only text of the client in it.
 */
export type InterceptEvent =
  | { type: 'HandlerFailed'; error: unknown }
  | {
      type: 'ConnectionRefused';
      reason:
        | 'TooManyConnections'
        | 'TooManyHeads'
        | 'NotHTTP'
        | 'Idle'
        | 'PlainInTunnel'
        | 'NotRedirected';
    }
  /** A redirected connection speaks a protocol that is not intercepted. */
  | { type: 'ProtocolRefused'; protocol: string; destination: Destination }
  | { type: 'TLSFailed'; code: string; destination?: Destination }
  | { type: 'ParseFailed'; code: string; destination?: Destination };

/** Hears of every event, in the order in which they happen. It must be quick, and not throw. */
export type InterceptObserver = (event: InterceptEvent) => void;
