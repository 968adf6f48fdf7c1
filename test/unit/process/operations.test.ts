import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { drain, listenOn } from '../../../process/http-server.ts';
import { createRegistry } from '../../../process/metrics.ts';
import { createOperationsServer } from '../../../process/operations.ts';

let missing: string[] = [];
const registry = createRegistry('1.2.3');
const server = () => createOperationsServer({ registry, notReady: () => missing });
let running: ReturnType<typeof server>;
let base: string;

beforeEach(async () => {
  missing = [];
  running = server();
  const { port } = await listenOn(running, { host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${port}`;
});
afterEach(() => drain(running, 0));

const ask = async (path: string, method = 'GET') => {
  const response = await fetch(base + path, { method });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

describe('the operations server', () => {
  it('is healthy while it answers, ready or not', async () => {
    missing = ['the grants'];
    expect(await ask('/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
  });

  it('is ready when nothing is missing', async () => {
    expect(await ask('/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
  });

  it('says what is missing when it is not', async () => {
    missing = ['the grants', 'the pods'];
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      text: 'not ready: the grants, the pods\n',
    });
  });

  it('does not keep a connection that says nothing', async () => {
    const silent = connect(Number(new URL(base).port), '127.0.0.1');
    silent.on('error', () => {}).resume();
    const [failed] = await once(silent, 'close');
    expect(failed).toBe(false);
  });

  it('gives the metrics in the form that Prometheus asks for', async () => {
    const { status, headers, text } = await ask('/metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain('actiongrant_build_info{version="1.2.3"} 1');
    expect(text).toContain('process_cpu_seconds_total');
  });

  it('knows no other path', async () => {
    for (const path of ['/', '/metrics/', '/healthz/../metrics2', '/debug/pprof']) {
      expect((await ask(path)).status).toBe(404);
    }
  });

  it('takes GET only, and says so', async () => {
    const { status, headers } = await ask('/metrics', 'POST');
    expect(status).toBe(405);
    expect(headers.get('allow')).toBe('GET');
  });
});
