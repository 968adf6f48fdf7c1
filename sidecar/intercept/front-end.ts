import type { Admission } from './admission.ts';
import type { ConnectionServer } from './connection-server.ts';
import type { InterceptObserver } from './event.ts';

/** What a front end needs to take a socket: which way it came, and what it speaks, is for the front end to find out. */
export interface FrontEnd {
  readonly admission: Admission;
  readonly server: ConnectionServer;
  readonly onEvent: InterceptObserver;
}
