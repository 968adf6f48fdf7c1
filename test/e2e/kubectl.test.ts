/** kubectl and another in-cluster client, unmodified, in an injected pod: what each command needs, and how refusals read. */

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import type { ActionGrant } from '../../core/api/generated/actiongrant.ts';
import { type AgentNamespace, useAgentNamespace } from '../support/node/agent-namespaces.ts';
import { type AgentPod, startAgentPod } from '../support/node/agent-pod.ts';
import { createFromManifest } from '../support/node/approve.ts';
import { NodeCluster } from '../support/node/node-cluster.ts';
import { refusalIn, untilRefusedAsUsed } from '../support/node/refusal-text.ts';
import { ensureInstalled } from '../support/node/release.ts';

const ACCOUNT = { account: 'operator' };
/** A Node object that no kubelet serves: cordoning the real one would stop other tests' pods. */
const NODE = 'cordoned-by-a-test';
/** More calls than any command here makes. */
const MAX_CALLS = 8;

const cluster = new NodeCluster(inject('node'));
let namespace: AgentNamespace;
let agent: AgentPod;

beforeAll(async () => {
  await ensureInstalled(cluster);
  namespace = await useAgentNamespace(cluster);
  await cluster.apply(
    ...accountThatIsLent(namespace.name),
    aNode(),
    configMap('settings', { colour: 'red' }),
  );
  agent = await startAgentPod(cluster, { namespace: namespace.name, name: 'kubectl' });
});

afterAll(async () => {
  await cluster.request('DELETE', `/api/v1/nodes/${NODE}`);
  for (const name of ['settings', 'applied', 'served', 'python', 'deleted', 'created']) {
    await cluster.request('DELETE', `/api/v1/namespaces/${namespace.name}/configmaps/${name}`);
  }
  await namespace?.release();
  await cluster.disconnect();
});

const kubectl = (line: string) => ['kubectl', ...line.split(' ')];

function aNode(): object {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } };
}

/** What the grants of this file lend: RBAC must allow it, too. */
function accountThatIsLent(inNamespace: string): object[] {
  const name = ACCOUNT.account;
  const subjects = [{ kind: 'ServiceAccount', name, namespace: inNamespace }];
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole' };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: inNamespace } },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata: { name, namespace: inNamespace },
      roleRef: { ...roleRef, name: 'edit' },
      subjects,
    },
    {
      apiVersion,
      kind: 'ClusterRole',
      metadata: { name: 'e2e-node-operator' },
      rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'patch'] }],
    },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'e2e-node-operator' },
      roleRef: { ...roleRef, name: 'e2e-node-operator' },
      subjects,
    },
  ];
}

function configMap(name: string, data: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: namespace.name },
    data,
  };
}

async function dataOf(name: string): Promise<unknown> {
  const path = `/api/v1/namespaces/${namespace.name}/configmaps/${name}`;
  const { status, body } = await cluster.request('GET', path);
  return status === 200 ? body['data'] : status;
}

interface Permitted {
  /** Every call that the command turned out to make, as its grant states it. */
  readonly calls: readonly string[];
  readonly output: string;
}

/**
 * Runs a command until it is through, making each grant that a refusal asks for; what it had got before is used up, so
 * it gets all of that once more.
 */
async function permit(command: readonly string[], input?: string): Promise<Permitted> {
  const manifests: string[] = [];
  for (;;) {
    for (const manifest of manifests) await createFromManifest(cluster, manifest, ACCOUNT);
    const { code, stdout, stderr } = await agent.run(command, input === undefined ? {} : { input });
    const output = stdout + stderr;
    // `cordon` tells of its failure, and succeeds.
    if (code === 0 && !output.includes('ActionGrant refused')) {
      return { calls: manifests.map(callIn), output };
    }
    const { manifest, detail } = refusalIn(output);
    if (manifest === undefined || manifests.length === MAX_CALLS) {
      throw new Error(`${detail} after ${manifests.map(callIn).join('; ')}:\n${output}`);
    }
    manifests.push(manifest);
  }
}

interface Refused {
  readonly code: number;
  /** What is printed before the manifest. */
  readonly says: readonly string[];
  /** What the manifest is for. */
  readonly call: string;
}

/** Runs a command that gets so many grants, one for each of its first calls: the next one is refused. */
async function refuse(
  command: readonly string[],
  { after = 0, input }: { after?: number; input?: string } = {},
): Promise<Refused> {
  const manifests: string[] = [];
  for (;;) {
    for (const manifest of manifests) await createFromManifest(cluster, manifest, ACCOUNT);
    const { code, stdout, stderr } = await agent.run(command, input === undefined ? {} : { input });
    const { manifest = '' } = refusalIn(stdout + stderr);
    if (manifests.length < after) {
      manifests.push(manifest);
      continue;
    }
    const [says = ''] = `${stdout}${stderr}`.split(manifest);
    return { code, says: says.trimEnd().split('\n'), call: callIn(manifest) };
  }
}

/** `patch StrategicMerge nodes/x ?fieldManager=… {"spec":…}` */
function callIn(manifest: string): string {
  const grant: ActionGrant = parse(manifest);
  const { kubernetes } = grant.spec.action;
  if (kubernetes === undefined) throw new Error(`no call to the API server: ${manifest}`);
  const { verb, patchType, resource, name = '', queryParameters = {}, body } = kubernetes;
  const query = new URLSearchParams(queryParameters).toString();
  return [
    [verb, patchType].filter(Boolean).join(' '),
    name === '' ? resource : `${resource}/${name}`,
    ...(query === '' ? [] : [`?${query}`]),
    ...(body === undefined ? [] : [body.json ?? body.type]),
  ].join(' ');
}

describe('discovery', () => {
  it('needs no grant', async () => {
    const { code, stdout, stderr } = await agent.run(['kubectl', 'api-resources', '-o', 'name']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toContain('deployments.apps');
    const version = await agent.run(['kubectl', 'version']);
    expect(version.stdout, version.stderr).toContain('Server Version: v1.');
  });
});

describe('kubectl', () => {
  it('shows a refusal as the API server would have said it, with the grant that is missing', async () => {
    const command = kubectl('delete configmap settings --wait=false');
    const { code, stdout, stderr } = await agent.run(command);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      'Error from server (Forbidden): ActionGrant refused the call (GrantRequired): No approved, unused grant of this agent covers exactly this action.',
      'This grant would allow it once (kubectl create -f -):',
      'apiVersion: actiongrant.dev/v1alpha1',
      'kind: ActionGrant',
      'metadata:',
      '  generateName: "default-"',
      `  namespace: "${namespace.name}"`,
      'spec:',
      '  agent:',
      '    serviceAccountName: "default"',
      '  action:',
      '    type: Kubernetes',
      '    kubernetes:',
      '      verb: "delete"',
      '      version: "v1"',
      '      resource: "configmaps"',
      `      namespace: "${namespace.name}"`,
      '      name: "settings"',
      '      body:',
      '        type: JSON',
      '        json: "{\\"propagationPolicy\\":\\"Background\\"}"',
      '  credential:',
      '    type: ServiceAccountToken',
      '    serviceAccountToken:',
      '      serviceAccountName: "REPLACE-ME" # the ServiceAccount whose authority this one call gets',
      '  approvedByRequester: true',
      '  justification: "REPLACE-ME: why the agent should do this"',
      'command terminated with exit code 1',
      '',
    ]);
    expect(await dataOf('settings')).toEqual({ colour: 'red' });
  });

  const why =
    'ActionGrant refused the call (GrantRequired): No approved, unused grant of this agent covers exactly this action.';
  const help = 'This grant would allow it once (kubectl create -f -):';
  /** As kubectl says of most refusals. */
  const plainly = [`Error from server (Forbidden): ${why}`, help];
  const RED = '{"data":{"colour":"red"}}';

  it.each<[string, string, readonly string[], string]>([
    ['get', 'get configmap settings', plainly, 'get configmaps/settings'],
    ['get of many', 'get configmaps', plainly, 'list configmaps ?limit=500'],
    [
      'delete',
      'delete configmap settings',
      plainly,
      'delete configmaps/settings {"propagationPolicy":"Background"}',
    ],
    ['patch', `patch configmap settings --patch ${RED}`, plainly, 'get configmaps/settings'],
    ['cordon', `cordon ${NODE}`, plainly, `get nodes/${NODE}`],
  ])('%s says what is missing', async (_name, line, says, call) => {
    expect(await refuse(kubectl(line))).toEqual({ code: 1, says, call });
  });

  it('patch says what is missing of its second call, too', async () => {
    const command = kubectl(`patch configmap settings --patch ${RED}`);
    expect(await refuse(command, { after: 1 })).toEqual({
      code: 1,
      says: plainly,
      call: `patch StrategicMerge configmaps/settings ?fieldManager=kubectl-patch ${RED}`,
    });
  });

  it('cordon says what is missing of its second call, and succeeds all the same', async () => {
    expect(await refuse(kubectl(`cordon ${NODE}`), { after: 1 })).toEqual({
      code: 0,
      says: [`error: unable to cordon node "${NODE}": ${why}`, help],
      call: `patch StrategicMerge nodes/${NODE} {"spec":{"unschedulable":true}}`,
    });
    const { body } = await cluster.request('GET', `/api/v1/nodes/${NODE}`);
    expect(body['spec']).not.toHaveProperty('unschedulable');
  });

  it('apply says it of each call that it makes', async () => {
    const input = JSON.stringify(configMap('refused', {}));
    const apply = kubectl('apply -f -');
    expect(await refuse(apply, { input })).toEqual({
      code: 1,
      says: [
        'Error from server (Forbidden): error when retrieving current configuration of:',
        'Resource: "/v1, Resource=configmaps", GroupVersionKind: "/v1, Kind=ConfigMap"',
        `Name: "refused", Namespace: "${namespace.name}"`,
        `from server for: "STDIN": ${why}`,
        help,
      ],
      call: 'get configmaps/refused',
    });
    expect(await refuse(apply, { input, after: 1 })).toEqual({
      code: 1,
      says: [`Error from server (Forbidden): error when creating "STDIN": ${why}`, help],
      call: expect.stringMatching(/^create configmaps \?/),
    });
    expect(await refuse(kubectl('apply --server-side -f -'), { input })).toEqual({
      code: 1,
      says: plainly,
      call: expect.stringMatching(/^apply configmaps\/refused \?/),
    });
    expect(await dataOf('refused')).toBe(404);
  });

  it('get of one object is one call, once', async () => {
    const command = kubectl('get configmap settings -o jsonpath={.data.colour}');
    expect(await permit(command)).toEqual({ calls: ['get configmaps/settings'], output: 'red' });
    await untilRefusedAsUsed(async () => (await agent.run(command)).stderr);
  });

  it('get of many is a list with its limit', async () => {
    const { calls, output } = await permit(kubectl('get configmaps'));
    expect(calls).toEqual(['list configmaps ?limit=500']);
    expect(output).toMatch(/^NAME +DATA +AGE\n/);
    expect(output).toMatch(/^settings +1 /m);
  });

  it('delete is one call; what it may not wait for, it does not wait for', async () => {
    await cluster.apply(configMap('deleted', {}));
    expect(await permit(kubectl('delete configmap deleted'))).toMatchObject({
      calls: ['delete configmaps/deleted {"propagationPolicy":"Background"}'],
      output: expect.stringContaining('"deleted" deleted'),
    });
    expect(await dataOf('deleted')).toBe(404);
  });

  it('patch is a get and a patch', async () => {
    const data = '{"data":{"colour":"blue"}}';
    const { calls } = await permit([...kubectl('patch configmap settings --patch'), data]);
    expect(calls).toEqual([
      'get configmaps/settings',
      `patch StrategicMerge configmaps/settings ?fieldManager=kubectl-patch ${data}`,
    ]);
    expect(await dataOf('settings')).toEqual({ colour: 'blue' });
  });

  it('apply is a get, and a create or a patch', async () => {
    const query = '?fieldManager=kubectl-client-side-apply&fieldValidation=Strict';
    const apply = async (colour: string) => {
      const manifest = JSON.stringify(configMap('applied', { colour }));
      const { calls } = await permit(kubectl('apply -f -'), manifest);
      expect(await dataOf('applied')).toEqual({ colour });
      return calls;
    };
    expect(await apply('red')).toEqual([
      'get configmaps/applied',
      expect.stringContaining(`create configmaps ${query} {`),
    ]);
    expect(await apply('blue')).toEqual([
      'get configmaps/applied',
      expect.stringContaining(`patch StrategicMerge configmaps/applied ${query} {`),
    ]);
  });

  it('apply --server-side is one call', async () => {
    const manifest = JSON.stringify(configMap('served', { colour: 'red' }));
    const { calls } = await permit(kubectl('apply --server-side -f -'), manifest);
    expect(calls).toEqual([
      expect.stringContaining(
        'apply configmaps/served ?fieldManager=kubectl&fieldValidation=Strict&force=false {',
      ),
    ]);
    expect(await dataOf('served')).toEqual({ colour: 'red' });
  });

  it('cordon is a get and a patch', async () => {
    const { calls, output } = await permit(kubectl(`cordon ${NODE}`));
    expect(calls).toEqual([
      `get nodes/${NODE}`,
      `patch StrategicMerge nodes/${NODE} {"spec":{"unschedulable":true}}`,
    ]);
    expect(output).toBe(`node/${NODE} cordoned\n`);
    const { body } = await cluster.request('GET', `/api/v1/nodes/${NODE}`);
    expect(body['spec']).toMatchObject({ unschedulable: true });
  });
});

describe("Python's kubernetes client, in-cluster", () => {
  const program = `
import sys
from kubernetes import client, config
config.load_incluster_config()
api = client.CoreV1Api()
verb, namespace, name = sys.argv[1:]
if verb == 'read':
    print(api.read_namespaced_config_map(name, namespace).data)
elif verb == 'create':
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data={'colour': 'green'})
    print(api.create_namespaced_config_map(namespace, body).data)
elif verb == 'delete':
    print(api.delete_namespaced_config_map(name, namespace).status)
elif verb == 'list':
    try:
        api.list_namespaced_config_map(namespace)
    except client.ApiException as error:
        print(error.status, error.reason, error.body)`;
  const call = (verb: string, name: string) => [
    ...['python3', '-c', program, verb],
    ...[namespace.name, name],
  ];

  it('reads once what is granted', async () => {
    await cluster.apply(configMap('python', { colour: 'green' }));
    const command = call('read', 'python');
    const { calls, output } = await permit(command);
    expect(calls).toEqual(['get configmaps/python']);
    expect(output).toBe("{'colour': 'green'}\n");
    await untilRefusedAsUsed(async () => (await agent.run(command)).stderr);
  });

  it('creates and deletes once', async () => {
    expect(await permit(call('create', 'created'))).toEqual({
      calls: ['create configmaps {"data":{"colour":"green"},"metadata":{"name":"created"}}'],
      output: "{'colour': 'green'}\n",
    });
    expect(await dataOf('created')).toEqual({ colour: 'green' });
    expect(await permit(call('delete', 'created'))).toEqual({
      calls: ['delete configmaps/created'],
      output: 'Success\n',
    });
    expect(await dataOf('created')).toBe(404);
  });

  it('is told of a refusal in a Status', async () => {
    const { stdout, stderr } = await agent.run(call('list', ''));
    const [, status, document = ''] = /^(\d+ .*?) (\{"kind".*)/.exec(stdout) ?? [];
    expect(status, stdout + stderr).toMatch(
      /^403 Forbidden: ActionGrant refused the call \(GrantRequired\): .* The call: GET https:/,
    );
    expect(JSON.parse(document)).toMatchObject({
      kind: 'Status',
      status: 'Failure',
      reason: 'Forbidden',
      code: 403,
      message: expect.stringMatching(
        /^ActionGrant refused the call \(GrantRequired\): No approved, /,
      ),
      details: { causes: [{ reason: 'GrantRequired' }] },
    });
    expect(callIn(refusalIn(stdout).manifest ?? '')).toBe('list configmaps');
  });
});
