/** The real kubectl, and calls by hand, to a real API server through a real sidecar. */

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ActionGrant, GrantKubernetesAction } from '../../core/api/generated/actiongrant.ts';
import { ACCOUNT, AGENT, shareAgentStage } from '../support/agent-stage.ts';
import { call, startCall, type WholeAnswer } from '../support/agent-stream.ts';
import { aKubernetesAction } from '../support/builders.ts';
import { eventually } from '../support/eventually.ts';
import { createGrant, createUsableGrant, grantsPath, untilPhase } from '../support/grants.ts';
import { secretsInLogs } from '../support/log-secrets.ts';
import type { SidecarProcess } from '../support/product.ts';
import { untilAllowed } from '../support/rbac.ts';

/** Where the agent's calls go; the grants are in a namespace of their own. */
const [TARGET, ELSEWHERE] = ['shop', 'elsewhere'].map(
  (name) => `${name}-${randomBytes(4).toString('hex')}`,
) as [string, string];
const stage = await shareAgentStage();
const API = 'https://kubernetes.default.svc';
const CONFIG_MAPS = `/api/v1/namespaces/${TARGET}/configmaps`;
/** Long enough on a busy machine for an event to come through before the cut. */
const WATCH_SECONDS = 5;
/** As kubectl and the refusal's manifest have it. */
const PLACEHOLDER = /REPLACE-ME/;

let sidecar: SidecarProcess;
let kubeconfig: string;

beforeAll(async () => {
  const { plane, namespace } = stage;
  for (const name of [TARGET, ELSEWHERE]) {
    await plane.api('POST', '/api/v1/namespaces', { metadata: { name } });
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${name}`;
    await plane.api('POST', `${rbac}/roles`, {
      metadata: { name: 'config' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }],
    });
    await plane.api('POST', `${rbac}/rolebindings`, {
      metadata: { name: 'config' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'config' },
      subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace }],
    });
    const user = `system:serviceaccount:${namespace}:${ACCOUNT}`;
    await untilAllowed(plane, { user }, ['patch configmaps'], name);
  }
  sidecar = await stage.startSidecar();
  kubeconfig = join(stage.product.directory, 'agent.kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(agentKubeconfig(plane.url, sidecar)));
}, 120_000);

afterAll(() => stage?.stop(), 60_000);

/** What an agent's kubectl has: the proxy, the pod's CA, and a constant that is no token. */
function agentKubeconfig(server: string, { caFile, proxyURL }: SidecarProcess): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'cluster',
        cluster: { server, 'certificate-authority': caFile, 'proxy-url': proxyURL },
      },
    ],
    users: [{ name: 'agent', user: { token: 'not-a-token' } }],
    contexts: [
      { name: 'agent', context: { cluster: 'cluster', user: 'agent', namespace: TARGET } },
    ],
    'current-context': 'agent',
  };
}

async function createConfigMap(name: string, namespace = TARGET): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  await stage.plane.api('POST', path, { metadata: { name }, data: { k: 'v' } });
}

async function dataOf(name: string): Promise<unknown> {
  const { status, body } = await stage.plane.request('GET', `${CONFIG_MAPS}/${name}`);
  return status === 404 ? 'gone' : body['data'];
}

/** kubectl as the agent runs it. */
function kubectl(args: readonly string[], input = '') {
  const cache = join(stage.product.directory, 'agent-kubectl-cache');
  return stage.plane.kubectl([...args, `--cache-dir=${cache}`], { as: kubeconfig, input });
}

/** The manifest that a refusal shows, with its two blanks filled in. */
function filledIn(stderr: string): string {
  const at = stderr.indexOf('apiVersion: actiongrant.dev');
  if (at === -1) throw new Error(`no manifest: ${stderr}`);
  const manifest = stderr
    .slice(at)
    .replace('"REPLACE-ME"', ACCOUNT)
    .replace('REPLACE-ME: why the agent should do this', 'the test says so');
  expect(manifest).not.toMatch(PLACEHOLDER);
  return manifest;
}

/**
 * Runs a command, each time with the grants that its refusals asked for so far, until it works.
 * @returns what was granted for the run that worked, in its order
 */
async function grantedUntilItWorks(
  args: readonly string[],
  input?: string,
): Promise<{ stdout: string; granted: GrantKubernetesAction[] }> {
  const manifests: object[] = [];
  for (;;) {
    const { code, stdout, stderr } = await kubectl(args, input);
    if (code === 0) return { stdout, granted: manifests.map(actionOf) };
    expect(stderr).toContain(
      'ActionGrant refused the call (GrantRequired): No approved, unused grant',
    );
    if (manifests.length === 3) throw new Error(`it still does not work: ${stderr}`);
    manifests.push(parse(filledIn(stderr)));
    for (const manifest of manifests) {
      const grant = await stage.plane.api<ActionGrant>(
        'POST',
        grantsPath(stage.namespace),
        manifest,
      );
      await untilPhase(stage.plane, grant, 'Approved');
    }
  }
}

function actionOf(manifest: object): GrantKubernetesAction {
  const { kubernetes } = (manifest as ActionGrant).spec.action;
  if (kubernetes === undefined) throw new Error('not a Kubernetes action');
  return kubernetes;
}

describe('kubectl', () => {
  test('prints a refusal whose manifest, filled in and created, lets the command through once', async () => {
    await createConfigMap('read');
    const args = ['get', 'configmap', 'read', '-o', 'jsonpath={.data.k}'];
    const refused = await kubectl(args);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^Error from server \(Forbidden\): ActionGrant refused the call/,
    );
    const created = await stage.plane.kubectl(['create', '-f', '-', '-o', 'name'], {
      input: filledIn(refused.stderr),
    });
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const wait = ['wait', '--for=condition=Ready', created.stdout.trim(), '--timeout=20s'];
    expect((await stage.plane.kubectl(['-n', stage.namespace, ...wait])).code).toBe(0);
    expect(await kubectl(args)).toMatchObject({ code: 0, stdout: 'v' });
    const name = created.stdout.trim().split('/').pop();
    const path = `${grantsPath(stage.namespace)}/${name}`;
    await untilPhase(stage.plane, await stage.plane.api<ActionGrant>('GET', path), 'Finished');
    // A replica may have heard of the use, and not yet of its end: it refuses, too.
    const codes = new Set<number>();
    await eventually(
      async () => {
        const again = await kubectl(args);
        codes.add(again.code);
        expect(again.stderr).toContain('was used');
      },
      { withinMilliseconds: 20_000 },
    );
    expect([...codes]).toEqual([1]);
  });

  test.each([
    [['exec', 'web-0', '--', 'id']],
    [['cp', 'web-0:/etc/hostname', '/dev/null']],
    [['attach', 'web-0']],
    [['port-forward', 'web-0', '8080']],
  ])(
    '%s is refused at its first call: no grant for reading the pod would be of use',
    async (args) => {
      const { code, stderr } = await kubectl(args);
      expect(code).toBe(1);
      expect(stderr).toContain('ActionGrant refused the call (KubernetesRequestRefused): ');
      expect(stderr).toContain(`kubectl ${args[0]}: it needs a connection that is upgraded`);
    },
  );

  /** What each command asks for is what kubectl sends: defaults that nobody typed are part of it. */
  const COMMANDS: readonly {
    args: readonly string[];
    input?: string;
    asksFor: readonly Partial<GrantKubernetesAction>[];
    leaves: unknown;
  }[] = [
    {
      args: ['get', 'configmaps'],
      asksFor: [{ verb: 'list', queryParameters: { limit: '500' } }],
      leaves: { k: 'v' },
    },
    {
      args: ['delete', 'configmap', 'NAME', '--wait=false'],
      asksFor: [{ verb: 'delete', name: 'NAME', body: json({ propagationPolicy: 'Background' }) }],
      leaves: 'gone',
    },
    {
      args: ['delete', 'configmap', 'NAME', '--dry-run=server'],
      asksFor: [
        {
          verb: 'delete',
          body: json({ dryRun: ['All'], propagationPolicy: 'Background' }),
        },
      ],
      leaves: { k: 'v' },
    },
    {
      args: ['patch', 'configmap', 'NAME', '--type=merge', '-p', '{"data": {"k": "merged"}}'],
      // It reads the object first.
      asksFor: [
        { verb: 'get' },
        {
          verb: 'patch',
          patchType: 'Merge',
          queryParameters: { fieldManager: 'kubectl-patch' },
          body: json({ data: { k: 'merged' } }),
        },
      ],
      leaves: { k: 'merged' },
    },
    {
      args: ['patch', 'configmap', 'NAME', '-p', '{"data": {"k": "strategic"}}'],
      asksFor: [{ verb: 'get' }, { verb: 'patch', patchType: 'StrategicMerge' }],
      leaves: { k: 'strategic' },
    },
    {
      args: [
        'patch',
        'configmap',
        'NAME',
        '--type=json',
        '-p',
        '[{"op": "replace", "path": "/data/k", "value": "json"}]',
      ],
      asksFor: [{ verb: 'get' }, { verb: 'patch', patchType: 'JSON' }],
      leaves: { k: 'json' },
    },
    {
      args: ['apply', '--server-side', '--force-conflicts', '-f', '-'],
      input: manifestOf('NAME', 'applied'),
      asksFor: [
        {
          verb: 'apply',
          name: 'NAME',
          queryParameters: { fieldManager: 'kubectl', fieldValidation: 'Strict', force: 'true' },
        },
      ],
      leaves: { k: 'applied' },
    },
    {
      args: ['replace', '-f', '-'],
      input: manifestOf('NAME', 'replaced'),
      asksFor: [
        {
          verb: 'update',
          queryParameters: { fieldManager: 'kubectl-replace', fieldValidation: 'Strict' },
        },
      ],
      leaves: { k: 'replaced' },
    },
    {
      args: ['create', '-f', '-'],
      input: manifestOf('NAME-new', 'created'),
      asksFor: [
        {
          verb: 'create',
          queryParameters: { fieldManager: 'kubectl-create', fieldValidation: 'Strict' },
          body: expect.objectContaining({ type: 'JSON' }),
        },
      ],
      leaves: { k: 'v' },
    },
    {
      args: ['create', 'configmap', 'NAME-new', '--from-literal=k=created'],
      // This one writes protobuf, of which only the digest can be granted.
      asksFor: [{ verb: 'create', body: expect.objectContaining({ type: 'SHA256' }) }],
      leaves: { k: 'v' },
    },
  ];

  test.each(
    COMMANDS.map((command, index) => ({ ...command, index, line: command.args.join(' ') })),
  )('$line', async ({ args, input, asksFor, leaves, index }) => {
    const name = `command-${index}`;
    const own = (text: string): string => text.replaceAll('NAME', name);
    await createConfigMap(name);
    const { granted } = await grantedUntilItWorks(
      args.map(own),
      input === undefined ? undefined : own(input),
    );
    const expected = asksFor.map((action) => ({
      version: 'v1',
      resource: 'configmaps',
      namespace: TARGET,
      ...action,
      ...(action.name === undefined ? {} : { name }),
    }));
    expect(granted).toEqual(expected.map((action) => expect.objectContaining(action)));
    expect(await dataOf(name)).toEqual(leaves);
  });

  test('shows with a digest what is in the protobuf that it wrote, without its secrets', async () => {
    const literals = ['--from-literal=colour=green', '--from-literal=password=hunter2'];
    const { stderr } = await kubectl(['create', 'configmap', 'typed', ...literals]);
    expect(stderr).toMatch(
      /sha256: "[0-9a-f]{64}" # application\/vnd\.kubernetes\.protobuf, \d+ bytes\n/,
    );
    expect(stderr).toContain('# v1 ConfigMap, fields by number:');
    expect(stderr).toContain('{"1":"typed"');
    expect(stderr).toContain('{"colour":"green"},{"password":"[secret]"}');
    expect(stderr).not.toContain('hunter2');
  });

  test('reads what the API offers without a grant, also when it has it in its cache', async () => {
    for (const args of [
      ['api-resources', '-o', 'name'],
      ['explain', 'configmap.data'],
      ['version', '-o', 'json'],
      // Discovery that was cached from elsewhere is asked for again with conditional headers.
      ['api-resources', '-o', 'name', `--cache-dir=${join(stage.plane.directory, 'primed')}`],
    ]) {
      const prime = args.filter((arg) => arg.startsWith('--cache-dir='));
      if (prime.length > 0) await stage.plane.kubectl(['api-resources', ...prime]);
      const run = await stage.plane.kubectl(args, { as: kubeconfig });
      expect({ args, code: run.code, stderr: run.stderr }).toEqual({ args, code: 0, stderr: '' });
    }
  });

  test('watches, until the deadline of the grant', async () => {
    const args = ['get', 'configmap', 'watched', '--watch-only', '-o', 'name'];
    await createConfigMap('watched');
    const grant = (action: Partial<GrantKubernetesAction>, timeoutSeconds: number) =>
      usable(
        { version: 'v1', resource: 'configmaps', namespace: TARGET, name: 'watched', ...action },
        timeoutSeconds,
      );
    await grant({ verb: 'get' }, 30);
    const watch = await grant(
      {
        verb: 'watch',
        queryParameters: { fieldSelector: 'metadata.name=watched', resourceVersion: '0' },
      },
      WATCH_SECONDS,
    );
    const changes = setInterval(() => {
      const patch = { data: { at: String(performance.now()) } };
      const contentType = 'application/merge-patch+json';
      void stage.plane.request('PATCH', `${CONFIG_MAPS}/watched`, patch, { contentType });
    }, 200);
    // The stream is cut, as when an API server goes: kubectl ends, which nothing else would make it.
    const { stdout } = await kubectl(args).finally(() => clearInterval(changes));
    expect(stdout).toContain('configmap/watched\n');
    const { status } = await stage.ended(watch);
    expect(status).toMatchObject({
      phase: 'Finished',
      outcome: 'Unknown',
      uses: [{ responseCode: 200 }],
    });
    const [use] = status?.uses ?? [];
    const seconds = (Date.parse(use?.endTime ?? '') - Date.parse(use?.startTime ?? '')) / 1000;
    expect(seconds).toBeGreaterThanOrEqual(WATCH_SECONDS - 1);
  });
});

describe('a watch', () => {
  test('passes each event when it happens, and nothing after the deadline', async () => {
    const grant = await usable(
      {
        verb: 'watch',
        version: 'v1',
        resource: 'configmaps',
        namespace: TARGET,
        queryParameters: { fieldSelector: `metadata.namespace=${TARGET}` },
      },
      WATCH_SECONDS,
    );
    const url = `${API}${CONFIG_MAPS}?watch=1&fieldSelector=metadata.namespace%3D${TARGET}`;
    const agent = await startCall(sidecar, 'h2', { url });
    agent.request.end();
    const { status, body } = await agent.response;
    expect(status).toBe(200);
    let text = '';
    const seen = Promise.withResolvers<void>();
    const ended = new Promise<unknown>((resolve) => {
      body.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes('"happened-in-time"')) seen.resolve();
      });
      body.once('error', resolve);
      body.once('end', () => resolve('whole'));
    });
    await createConfigMap('happened-in-time');
    await seen.promise;
    expect(await ended).toBeInstanceOf(Error);
    await createConfigMap('happened-later');
    expect(text).not.toContain('happened-later');
    expect((await stage.ended(grant)).status).toMatchObject({ outcome: 'Unknown' });
  });
});

describe('a grant for one patch', () => {
  const NAME = 'patched';
  const path = `${CONFIG_MAPS}/${NAME}`;
  const query = '?fieldManager=agent';
  const headers = { 'content-type': 'application/merge-patch+json' };
  const body = '{"data":{"k":"patched"}}';
  const exact = { method: 'PATCH', target: `${path}${query}`, headers, body };

  beforeAll(async () => {
    await createConfigMap(NAME);
    await createConfigMap('other');
    await createConfigMap(NAME, ELSEWHERE);
    await usable({
      verb: 'patch',
      version: 'v1',
      resource: 'configmaps',
      namespace: TARGET,
      name: NAME,
      patchType: 'Merge',
      queryParameters: { fieldManager: 'agent' },
      body: json({ data: { k: 'patched' } }),
    });
  });

  const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
  const apply = { 'content-type': 'application/apply-patch+yaml' };
  const whole = { 'content-type': 'application/json' };
  test.each<Partial<typeof exact> & { what: string; headers?: Record<string, string> }>([
    { what: 'another name', target: `${CONFIG_MAPS}/other${query}` },
    {
      what: 'another namespace',
      target: `/api/v1/namespaces/${ELSEWHERE}/configmaps/${NAME}${query}`,
    },
    {
      what: 'another resource',
      target: `/api/v1/namespaces/${TARGET}/secrets/${NAME}${query}`,
    },
    {
      what: 'another group',
      target: `/apis/apps/v1/namespaces/${TARGET}/configmaps/${NAME}${query}`,
    },
    { what: 'a subresource', target: `${path}/status${query}` },
    { what: 'no field manager', target: path },
    { what: 'another field manager', target: `${path}?fieldManager=kubectl` },
    { what: 'a dry run', target: `${path}${query}&dryRun=All` },
    { what: 'field validation', target: `${path}${query}&fieldValidation=Ignore` },
    { what: 'force', target: `${path}${query}&force=true` },
    { what: 'another body', body: '{"data":{"k":"patched","more":"1"}}' },
    { what: 'another patch type', headers: strategic },
    { what: 'an apply', headers: apply },
    { what: 'an update', method: 'PUT', headers: whole },
    { what: 'a deletion', method: 'DELETE', headers: whole },
  ])('does not cover $what', async (change) => {
    const answer = await ask({ ...exact, ...change });
    expect(statusOf(answer)).toMatchObject({
      kind: 'Status',
      status: 'Failure',
      reason: 'Forbidden',
      code: 403,
      message: expect.stringContaining('kind: ActionGrant'),
      details: { causes: [{ reason: 'GrantRequired' }] },
    });
  });

  test.each([
    { what: 'impersonation', headers: { ...headers, 'impersonate-user': 'admin' }, status: 403 },
    {
      what: 'a front proxy’s user',
      headers: { ...headers, 'x-remote-user': 'admin' },
      status: 400,
    },
    { what: 'a precondition', headers: { ...headers, 'if-match': '"1"' }, status: 400 },
    { what: 'a parameter given twice', target: `${path}${query}&fieldManager=b`, status: 400 },
    {
      what: 'a new grant',
      method: 'POST',
      headers: whole,
      target: `/apis/actiongrant.dev/v1alpha1/namespaces/${stage.namespace}/actiongrants`,
      status: 403,
    },
    {
      what: 'a token',
      method: 'POST',
      headers: whole,
      target: `/api/v1/namespaces/${stage.namespace}/serviceaccounts/${ACCOUNT}/token`,
      status: 403,
    },
    { what: 'a proxied pod', target: `/api/v1/namespaces/${TARGET}/pods/a/proxy/x`, status: 403 },
    { what: 'the server’s metrics', method: 'GET', target: '/metrics', body: '', status: 403 },
  ])('can be no way to $what', async ({ what: _, status, ...change }) => {
    const answer = await ask({ ...exact, ...change });
    expect(answer.status).toBe(status);
    expect(statusOf(answer)).toMatchObject({ kind: 'Status', status: 'Failure', code: status });
    expect(statusOf(answer)['message']).not.toContain('kind: ActionGrant');
  });

  test('covers that patch, however its JSON is spelled, as the account of the grant', async () => {
    expect(await dataOf(NAME)).toEqual({ k: 'v' });
    const answer = await ask({ ...exact, body: '{ "data": {"\\u006b": "patched"} }' });
    expect(answer.status).toBe(200);
    expect(await dataOf(NAME)).toEqual({ k: 'patched' });
    expect((await ask(exact)).status).toBe(403);
  });
});

test('what RBAC refuses the account stays refused, and the record says so', async () => {
  const grant = await usable({
    verb: 'get',
    version: 'v1',
    resource: 'secrets',
    namespace: TARGET,
    name: 'any',
  });
  const answer = await ask({ method: 'GET', target: `/api/v1/namespaces/${TARGET}/secrets/any` });
  expect(answer.status).toBe(403);
  expect(statusOf(answer)['message']).toContain(
    `system:serviceaccount:${stage.namespace}:${ACCOUNT}`,
  );
  const { status } = await stage.ended(grant);
  expect(status).toMatchObject({ outcome: 'Failed', uses: [{ responseCode: 403 }] });
});

test('the API server is never the service of an HTTP grant, under whatever name it is called', async () => {
  const target = `${CONFIG_MAPS}/read-by-http`;
  await createConfigMap('read-by-http');
  // Admission knows the names that every cluster has; an address it cannot tell from another.
  await expect(stage.grantWithoutCredential({ url: `${API}${target}` })).rejects.toThrow(
    /is the API server/,
  );
  const { host } = new URL(stage.plane.url);
  await createGrant(stage.plane, stage.namespace, {
    spec: {
      agent: { serviceAccountName: AGENT },
      action: { type: 'HTTP', http: { method: 'GET', url: `https://${host}${target}` } },
    },
  }).then((grant) => untilPhase(stage.plane, grant, 'Approved'));
  const run = await kubectl(['get', '--raw', target]);
  expect(run.code).toBe(1);
  expect(run.stderr).toContain('type: Kubernetes');
});

test('no token is in a log of any process', async () => {
  expect(await secretsInLogs(stage.product, [sidecar.pod.token, 'not-a-token'])).toEqual([]);
});

/** A usable grant for an action on the API server. */
function usable(action: Partial<GrantKubernetesAction>, timeoutSeconds = 30): Promise<ActionGrant> {
  const { name: _, ...rest } = aKubernetesAction().kubernetes ?? {};
  return createUsableGrant(stage.plane, stage.namespace, {
    spec: {
      agent: { serviceAccountName: AGENT },
      action: { type: 'Kubernetes', kubernetes: { ...rest, ...action } as GrantKubernetesAction },
      timeoutSeconds,
    },
  });
}

function ask(request: {
  method: string;
  target: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}): Promise<WholeAnswer> {
  const { method, target, headers = {}, body } = request;
  const hasBody = body !== undefined && body !== '';
  return call(
    sidecar,
    'h1',
    { method, url: `${API}${target}`, headers: hasBody ? headers : {} },
    hasBody ? body : undefined,
  );
}

function statusOf({ text }: WholeAnswer): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

function json(value: object): { type: 'JSON'; json: string } {
  return { type: 'JSON', json: JSON.stringify(value) };
}

function manifestOf(name: string, value: string): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, namespace: ${TARGET}}
data: {k: ${value}}
`;
}
