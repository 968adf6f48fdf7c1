/** What a program says whose settings are wrong: every one of them by name, and nothing of what a file holds. */

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../support/pki.ts';
import { runProgram } from '../support/program.ts';

/** In every file that is no good; must never be printed. */
const CONTENT = 'c29tZWJvZHlzLXNlY3JldA';

let directory: string;
/** Holds a port that a program is then told to listen on. */
let squatter: Server;
let takenPort: number;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'actiongrant-start-up-'));
  await write('ca.crt', (await createAuthority('test')).certificate);
  await write('token', 'e30.e30.c2ln');
  await write('junk', `${CONTENT}: [{ ${CONTENT}\n\t- ${CONTENT}`);
  squatter = createServer();
  squatter.listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  takenPort = (squatter.address() as { port: number }).port;
});

afterAll(async () => {
  squatter?.close();
  await rm(directory, { recursive: true, force: true });
});

const file = (name: string): string => join(directory, name);
const write = (name: string, text: string): Promise<void> => writeFile(file(name), text);

/** It must end by itself with 1, having named each of these and none of its files' content. */
async function mustRefuse(
  program: 'controller' | 'sidecar',
  environment: Readonly<Record<string, string>>,
  names: readonly string[],
): Promise<void> {
  const { code, output } = await runProgram(program, environment);
  expect(code, output).toBe(1);
  for (const name of names) expect(output).toContain(name);
  expect(output).toContain('"code":"ConfigurationInvalid"');
  expect(output).not.toContain(CONTENT);
  // One line for people and machines, without a stack.
  expect(output.trim().split('\n').at(-1)).toMatch(/^\{"time":.*cannot start/);
  expect(output).not.toMatch(/\n\s+at /);
}

describe('the sidecar', () => {
  const good = (): Record<string, string> => ({
    ACTIONGRANT_LISTEN: '127.0.0.1:0',
    ACTIONGRANT_OPERATIONS_LISTEN: '127.0.0.1:0',
    ACTIONGRANT_CONTROLLER_URLS: 'https://127.0.0.1:1',
    ACTIONGRANT_CONTROLLER_CA: file('ca.crt'),
    ACTIONGRANT_TOKEN: file('token'),
    ACTIONGRANT_POD_NAMESPACE: 'soc',
    ACTIONGRANT_SERVICE_ACCOUNT: 'agent',
    ACTIONGRANT_KUBERNETES_SERVER: '127.0.0.1:1',
    ACTIONGRANT_KUBERNETES_CA: file('ca.crt'),
    ACTIONGRANT_CA_OUTPUT: file('pod-ca.crt'),
  });
  const FILES = [
    'ACTIONGRANT_CONTROLLER_CA',
    'ACTIONGRANT_TOKEN',
    'ACTIONGRANT_KUBERNETES_CA',
    'ACTIONGRANT_TRUST_BUNDLE',
  ];
  const filesAre = (path: string) => Object.fromEntries(FILES.map((name) => [name, path]));

  test('names every setting that is missing', async () => {
    const { ACTIONGRANT_LISTEN: _, ACTIONGRANT_OPERATIONS_LISTEN: __, ...required } = good();
    await mustRefuse('sidecar', {}, Object.keys(required));
  });

  test('names every setting that is wrong', async () => {
    const wrong = {
      ACTIONGRANT_LISTEN: 'nowhere',
      ACTIONGRANT_OPERATIONS_LISTEN: ':99999',
      ACTIONGRANT_CONTROLLER_URLS: 'http://controller',
      ACTIONGRANT_KUBERNETES_SERVER: 'kubernetes',
      ACTIONGRANT_CONNECT_TO: 'edr.example.com',
      ACTIONGRANT_INERT_HEADERS: 'X-Team',
      ACTIONGRANT_USE_WAIT_MILLISECONDS: 'soon',
      ACTIONGRANT_LOG_LEVEL: 'loud',
      ACTIONGRANT_TYPING_EROR: '1',
    };
    await mustRefuse('sidecar', { ...good(), ...wrong }, Object.keys(wrong));
  });

  test('names every file that is missing', async () => {
    await mustRefuse('sidecar', { ...good(), ...filesAre(file('none')) }, [...FILES, 'ENOENT']);
  });

  test('names every file that holds something else', async () => {
    await mustRefuse('sidecar', { ...good(), ...filesAre(file('junk')) }, FILES);
    // A certificate whose inside is damaged.
    await write('damaged', `-----BEGIN CERTIFICATE-----\n${CONTENT}\n-----END CERTIFICATE-----\n`);
    await mustRefuse('sidecar', { ...good(), ...filesAre(file('damaged')) }, FILES);
  });

  test('names the output that it cannot write', async () => {
    const output = { ACTIONGRANT_CA_OUTPUT: file('no/such/directory/ca.crt') };
    await mustRefuse('sidecar', { ...good(), ...output }, ['ACTIONGRANT_CA_OUTPUT', 'ENOENT']);
  });

  test.each(['ACTIONGRANT_LISTEN', 'ACTIONGRANT_OPERATIONS_LISTEN'])(
    'names the address that it cannot listen on: %s',
    async (name) => {
      const taken = { [name]: `127.0.0.1:${takenPort}` };
      await mustRefuse('sidecar', { ...good(), ...taken }, [name, 'EADDRINUSE']);
    },
  );
});

describe('the controller', () => {
  const good = (): Record<string, string> => ({
    ACTIONGRANT_LISTEN: '127.0.0.1:0',
    ACTIONGRANT_OPERATIONS_LISTEN: '127.0.0.1:0',
    ACTIONGRANT_NAMESPACE: 'actiongrant-system',
    ACTIONGRANT_POD_NAME: 'controller-0',
    ACTIONGRANT_KUBECONFIG: file('kubeconfig'),
  });
  const kubeconfig = (changes: { server?: string; cluster?: object; context?: string }): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'a',
          cluster: { server: changes.server ?? 'https://127.0.0.1:1', ...changes.cluster },
        },
      ],
      users: [{ name: 'a', user: { token: CONTENT } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      'current-context': changes.context ?? 'a',
    });

  test('names every setting that is missing', async () => {
    await mustRefuse('controller', {}, [
      'ACTIONGRANT_NAMESPACE',
      'ACTIONGRANT_POD_NAME',
      'KUBERNETES_SERVICE_HOST',
    ]);
  });

  test('names every setting that is wrong', async () => {
    const wrong = {
      ACTIONGRANT_LISTEN: 'nowhere',
      ACTIONGRANT_OPERATIONS_LISTEN: ':99999',
      ACTIONGRANT_AGENT_NAMESPACES: 'soc,actiongrant-system',
      ACTIONGRANT_POD_RATE_PER_SECOND: '0',
      ACTIONGRANT_LOG_LEVEL: 'loud',
      ACTIONGRANT_TYPING_EROR: '1',
    };
    await mustRefuse('controller', { ...good(), ...wrong }, Object.keys(wrong));
  });

  test.each([
    { what: 'is missing', text: undefined },
    { what: 'is no YAML', text: `${CONTENT}: [{ ${CONTENT}\n\t- ${CONTENT}` },
    { what: 'is something else', text: `just: ${CONTENT}\n` },
    { what: 'names no cluster', text: kubeconfig({ context: 'b' }) },
    { what: 'has no URL', text: kubeconfig({ server: `not a URL ${CONTENT}` }) },
    {
      what: 'has a CA that is none',
      text: kubeconfig({ cluster: { 'certificate-authority-data': CONTENT } }),
    },
    {
      what: 'names a CA file that is not there',
      text: kubeconfig({ cluster: { 'certificate-authority': '/nowhere/ca.crt' } }),
    },
  ])('names the kubeconfig that $what', async ({ text }) => {
    await rm(file('kubeconfig'), { force: true });
    if (text !== undefined) await write('kubeconfig', text);
    await mustRefuse('controller', good(), ['ACTIONGRANT_KUBECONFIG']);
  });

  test('names the ServiceAccount that the pod does not have', async () => {
    const { ACTIONGRANT_KUBECONFIG: _, ...inPod } = good();
    await mustRefuse('controller', { ...inPod, KUBERNETES_SERVICE_HOST: '127.0.0.1' }, [
      'ServiceAccount',
      'ENOENT',
    ]);
  });

  test.each(['ACTIONGRANT_OPERATIONS_LISTEN'])(
    'names the address that it cannot listen on: %s',
    async (name) => {
      await write('kubeconfig', kubeconfig({}));
      const taken = { [name]: `127.0.0.1:${takenPort}` };
      await mustRefuse('controller', { ...good(), ...taken }, [name, 'EADDRINUSE']);
    },
  );
});
