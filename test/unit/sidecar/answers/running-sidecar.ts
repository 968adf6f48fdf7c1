/** A whole sidecar on real sockets, and what became of a call: what its client got, its record, the log and the metrics. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../../core/time/clock.ts';
import type { FinishRequest } from '../../../../core/wire/finish.ts';
import type { LogFields, Logger } from '../../../../process/log.ts';
import { startSidecar } from '../../../../sidecar/sidecar.ts';
import { eventually } from '../../../support/eventually.ts';
import { getText } from '../../../support/operations.ts';
import { TOKEN, upstreamCA } from '../forward/upstreams.ts';
import type { ProxyAddress } from '../intercept/clients.ts';
import { granted, ScriptedExchange } from '../scripted-exchange.ts';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

export class RunningSidecar implements ProxyAddress {
  readonly port: number;
  readonly authority: { readonly certificate: string };
  readonly exchange: ScriptedExchange;
  readonly log: LogLine[];
  readonly #operationsPort: number;
  readonly #stop: () => Promise<void>;

  private constructor(
    parts: Pick<RunningSidecar, 'port' | 'authority' | 'exchange' | 'log'>,
    operationsPort: number,
    stop: () => Promise<void>,
  ) {
    this.port = parts.port;
    this.authority = parts.authority;
    this.exchange = parts.exchange;
    this.log = parts.log;
    this.#operationsPort = operationsPort;
    this.#stop = stop;
  }

  /** @param ports of loopback, by the `host:port` that is there */
  static async start(ports: Readonly<Record<string, number>>): Promise<RunningSidecar> {
    const exchange = await ScriptedExchange.start();
    const caOutputFile = join(exchange.directory, 'pod-ca.crt');
    const anyPort = { host: '127.0.0.1', port: 0 };
    const log: LogLine[] = [];
    const ca = await upstreamCA();
    const sidecar = await startSidecar({
      config: {
        listen: anyPort,
        operationsListen: anyPort,
        controllerURLs: [exchange.url],
        controllerCAFile: join(exchange.directory, 'ca.crt'),
        tokenFile: join(exchange.directory, 'token'),
        agent: { namespace: 'soc', serviceAccountName: 'incident-agent' },
        kubernetes: { authorities: ['10.96.0.1:443'], server: '127.0.0.1:1', ca },
        trustBundle: ca,
        connectTo: new Map(
          Object.entries(ports).map(([name, port]) => [name, `127.0.0.1:${port}`]),
        ),
        privateDestinations: [],
        inertHeaders: [],
        podName: undefined,
        caOutputFile,
        transparent: undefined,
        useWaitMilliseconds: 5_000,
        logLevel: 'debug',
        settingsIgnored: [],
      },
      clock: systemClock,
      log: recorded(log),
      version: 'test',
    });
    const authority = { certificate: await readFile(caOutputFile, 'utf8') };
    return new RunningSidecar(
      { port: sidecar.address.port, authority, exchange, log },
      sidecar.operationsAddress.port,
      async () => {
        await sidecar.stop();
        await exchange[Symbol.asyncDispose]();
      },
    );
  }

  /** Whether what is granted from now on has a credential. */
  lend(credential: boolean): void {
    const lent = { token: TOKEN, expirationTime: '2026-12-01T12:10:00Z' };
    this.exchange.otherwise.use = granted({ credential: credential ? lent : undefined });
  }

  /** The ends of uses that were reported so far. */
  finishes(): FinishRequest[] {
    return this.exchange.messages.flatMap((message) =>
      message.type === 'finish' ? [message.body] : [],
    );
  }

  /** The ends of uses that a deed leads to, once as many are there. */
  async finishesOf(count: number, deed: () => Promise<unknown>): Promise<FinishRequest[]> {
    const before = this.finishes().length;
    await deed();
    await eventually(() => {
      if (this.finishes().length < before + count) throw new Error('not reported yet');
    });
    return this.finishes().slice(before);
  }

  /** Refusals that were counted so far, by code. */
  async refusals(): Promise<Record<string, number>> {
    const text = await getText(this.#operationsPort, '/metrics');
    const series = text.matchAll(
      /^actiongrant_sidecar_refusals_total\{code="(\w+)"\} ([1-9]\d*)$/gm,
    );
    return Object.fromEntries([...series].map(([, code, count]) => [code, Number(count)]));
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

function recorded(lines: LogLine[]): Logger {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
