/** Which client connections are open, by whichever way they came, and how many there may be. */

import type { Socket } from 'node:net';
import { ClientConnection } from './connection.ts';
import type { InterceptObserver } from './event.ts';
import type { InterceptLimits } from './limits.ts';

export class Admission {
  readonly #limits: InterceptLimits;
  readonly #onEvent: InterceptObserver;
  readonly #open = new Set<ClientConnection>();

  constructor(limits: InterceptLimits, onEvent: InterceptObserver) {
    this.#limits = limits;
    this.#onEvent = onEvent;
  }

  /** Null: the socket is closed, for there are as many connections as there may be. */
  admit(raw: Socket): ClientConnection | null {
    if (this.#open.size >= this.#limits.connections) {
      this.#onEvent({ type: 'ConnectionRefused', reason: 'TooManyConnections' });
      raw.destroy();
      return null;
    }
    const connection = new ClientConnection(raw, this.#limits, () =>
      this.#onEvent({ type: 'ConnectionRefused', reason: 'Idle' }),
    );
    this.#open.add(connection);
    raw.once('close', () => this.#open.delete(connection));
    return connection;
  }

  /** Closes each connection as soon as it carries no call. */
  closeWhenIdle(): void {
    for (const connection of this.#open) connection.closeWhenIdle();
  }

  /** Closes every connection at once, whatever it carries. */
  cut(): void {
    for (const connection of this.#open) connection.raw.destroy();
  }
}
