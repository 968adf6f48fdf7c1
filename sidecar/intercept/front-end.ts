import type { Admission } from './admission.ts';
import type { ConnectionServer } from './connection-server.ts';
import type { InterceptObserver } from './event.ts';

/** What a front end needs to serve a socket, once it has found out where the socket was going and what it speaks. */
export interface FrontEnd {
  readonly admission: Admission;
  readonly server: ConnectionServer;
  readonly onEvent: InterceptObserver;
}
