import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ActionGrantSpec, GrantAction } from '../../core/api/generated/actiongrant.ts';
import type { KubeObject } from '../support/api-client.ts';
import {
  aCredential,
  aGrantSpec,
  aKubernetesAction,
  aNewGrant,
  anHttpAction,
  withoutCredential,
} from '../support/builders.ts';
import { installCrds } from '../support/crds.ts';
import { causesOf, ruleMessages } from '../support/refusal.ts';
import { shareControlPlane } from '../support/shared.ts';

/*
 * What a real API server says to a grant that somebody asks for. Each rule of the schema refuses at least one grant here
 * (the last test counts), with a message that names the field and the way out.
 */

const plane = await shareControlPlane();
const seen = new Set<string>();
let grants: string;

beforeAll(async () => {
  await installCrds(plane);
  const namespace = await plane.createNamespace('crd-spec');
  grants = `/apis/actiongrant.dev/v1alpha1/namespaces/${namespace}/actiongrants`;
});
afterAll(() => plane.disconnect());

/** A spec that may be wrong in any way. */
type AnySpec = Readonly<Record<string, unknown>>;

function create(spec: ActionGrantSpec | AnySpec) {
  return plane.request('POST', `${grants}?dryRun=All`, { ...aNewGrant(), spec });
}

async function refusal(spec: ActionGrantSpec | AnySpec): Promise<string[]> {
  const response = await create(spec);
  const causes = causesOf(response);
  for (const { message } of causes) seen.add(message);
  expect(response.status, JSON.stringify(response.body)).toBe(422);
  return causes.map(({ field, message }) => `${field}: ${message}`);
}

const http = (change: Readonly<Record<string, unknown>>): AnySpec => {
  const { http: fields } = anHttpAction();
  return { ...aGrantSpec(), action: { type: 'HTTP', http: { ...fields, ...change } } };
};
const url = (text: string) => http({ url: text });
const kubernetes = (change: Readonly<Record<string, unknown>>): AnySpec => {
  const { kubernetes: fields } = aKubernetesAction();
  const action = { type: 'Kubernetes', kubernetes: { ...fields, ...change } };
  return { ...aGrantSpec(), action, credential: aCredential('Kubernetes') };
};
const mcp = (change: Readonly<Record<string, unknown>> = {}): AnySpec => ({
  ...aGrantSpec(),
  action: {
    type: 'MCP',
    mcp: { url: 'https://mcp.example.com/mcp', tool: 'quarantine', ...change },
  },
});
const audience = (text: string): AnySpec => ({
  ...aGrantSpec(),
  credential: {
    type: 'ServiceAccountToken',
    serviceAccountToken: { serviceAccountName: 'edr-quarantine', audience: text },
  },
});
const agent = (change: Readonly<Record<string, unknown>>): AnySpec => ({
  ...aGrantSpec(),
  agent: { serviceAccountName: 'incident-agent', ...change },
});
const anyBody = { type: 'Any' };
const headers = (map: Readonly<Record<string, string>>) => http({ headers: map });

describe('the API server refuses a grant', () => {
  // biome-ignore format: one row, one case
  test.for<[string, ActionGrantSpec | AnySpec, string, string]>([
    // agent
    ['whose agent has a full user name', agent({ serviceAccountName: 'system:serviceaccount:a:b' }), 'spec.agent.serviceAccountName', 'without its namespace'],
    ['whose agent has a pattern for a namespace', agent({ namespace: 'soc-*' }), 'spec.agent.namespace', "leave it out for the grant's own namespace"],
    ['whose agent has a pattern for a pod', agent({ podName: 'agent-*' }), 'spec.agent.podName', 'leave it out to let any pod'],
    ['whose agent has an odd pod UID', agent({ podUID: 'any pod' }), 'spec.agent.podUID', 'metadata.uid'],
    // the unions
    ['that says HTTP and describes nothing', { ...aGrantSpec(), action: { type: 'HTTP' } }, 'spec.action', 'spec.action.http must be set exactly if'],
    ['that describes two actions', { ...aGrantSpec(), action: { ...anHttpAction(), ...aKubernetesAction(), type: 'HTTP' } }, 'spec.action', 'spec.action.kubernetes must be set exactly if'],
    ['that says MCP and describes HTTP', { ...aGrantSpec(), action: { ...anHttpAction(), type: 'MCP' } }, 'spec.action', 'spec.action.mcp must be set exactly if'],
    ['of an action type that does not exist', { ...aGrantSpec(), action: { type: 'gRPC' } }, 'spec.action.type', '"HTTP", "Kubernetes", "MCP"'],
    ['whose JSON body has no text', http({ body: { type: 'JSON' } }), 'spec.action.http.body', 'body.json must be set exactly if'],
    ['whose body is Any and JSON', http({ body: { type: 'Any', json: '{}' } }), 'spec.action.http.body', 'body.json must be set exactly if'],
    ['whose SHA256 body has no digest', http({ body: { type: 'SHA256' } }), 'spec.action.http.body', 'body.sha256 must be set exactly if'],
    ['whose digest is in capitals', http({ body: { type: 'SHA256', sha256: 'A'.repeat(64) } }), 'spec.action.http.body.sha256', '64 lower-case hexadecimal digits'],
    ['whose digest is short', http({ body: { type: 'SHA256', sha256: 'a'.repeat(63) } }), 'spec.action.http.body.sha256', '64 lower-case hexadecimal digits'],
    ['whose JSON text is longer than 32768', http({ body: { type: 'JSON', json: `"${'a'.repeat(32768)}"` } }), 'spec.action.http.body.json', '32768'],
    ['whose credential type has no fields', { ...aGrantSpec(), credential: { type: 'ServiceAccountToken' } }, 'spec.credential', 'spec.credential.serviceAccountToken must be set exactly if'],
    // http
    ['with a method in small letters', http({ method: 'post' }), 'spec.action.http.method', 'in capitals'],
    ['of CONNECT', http({ method: 'CONNECT' }), 'spec.action.http.method', 'not CONNECT or TRACE'],
    ['of a GET with a body', http({ method: 'GET', body: anyBody }), 'spec.action.http.body', 'Remove the field'],
    ['for another scheme', url('ftp://edr.example.com/v1'), 'spec.action.http.url', 'must start with https://'],
    ['for HTTPS in capitals', url('HTTPS://edr.example.com/v1'), 'spec.action.http.url', 'must start with https://'],
    ['for a URL with user information', url('https://user@edr.example.com/v1'), 'spec.action.http.url', 'no user information'],
    ['for a host in capitals', url('https://EDR.example.com/v1'), 'spec.action.http.url', 'in lower case'],
    ['for a host with a trailing dot', url('https://edr.example.com./v1'), 'spec.action.http.url', 'plain host'],
    ['for an international host as it is written', url('https://bücher.example/v1'), 'spec.action.http.url', 'xn--'],
    ['for a URL with the default port', url('https://edr.example.com:443/v1'), 'spec.action.http.url', 'remove :443'],
    ['for a URL without a path', url('https://edr.example.com'), 'spec.action.http.url', 'must have a path'],
    ['for a URL with a query and no path', url('https://edr.example.com?a=b'), 'spec.action.http.url', 'must have a path'],
    ['for a URL with a fragment', url('https://edr.example.com/v1#x'), 'spec.action.http.url', 'no fragment'],
    ['for a URL with a backslash', url('https://edr.example.com/v1\\hosts'), 'spec.action.http.url', 'backslash'],
    ['for a backslash that some take for the end of the host', url('https://edr.example.com\\@evil.example/'), 'spec.action.http.url', 'plain host'],
    ['for a URL with a space', url('https://edr.example.com/v1/host 7'), 'spec.action.http.url', 'space'],
    ['for a URL with braces in the path', url('https://edr.example.com/{v1}'), 'spec.action.http.url', 'RFC 3986'],
    ['for a URL with a quote in the query', url('https://edr.example.com/v1?a="b"'), 'spec.action.http.url', 'RFC 3986'],
    ['for a URL with an incomplete percent-encoding', url('https://edr.example.com/v1/%2'), 'spec.action.http.url', 'RFC 3986'],
    ['for a URL with a dot segment', url('https://edr.example.com/v1/../admin'), 'spec.action.http.url', '. or .. segment'],
    ['for a URL that ends in a dot segment', url('https://edr.example.com/v1/..'), 'spec.action.http.url', '. or .. segment'],
    ['for a dot segment with a parameter', url('https://edr.example.com/v1/..;x/admin'), 'spec.action.http.url', '. or .. segment'],
    ['for an encoded dot segment', url('https://edr.example.com/v1/%2e%2E/admin'), 'spec.action.http.url', '. or .. segment'],
    ['for a dot segment between encoded slashes', url('https://edr.example.com/v1%2f..%2Fadmin'), 'spec.action.http.url', '. or .. segment'],
    ['for a dot segment that is encoded twice', url('https://edr.example.com/v1/%252e%252e/admin'), 'spec.action.http.url', '. or .. segment'],
    ['for an encoded backslash', url('https://edr.example.com/v1/a%5Cb'), 'spec.action.http.url', 'encoded backslash'],
    ['for an empty segment', url('https://edr.example.com/v1//hosts'), 'spec.action.http.url', 'empty segment'],
    ['for an encoded line break in the query', url('https://edr.example.com/v1?a=%0d%0a'), 'spec.action.http.url', 'encoded control character'],
    ['with a header in capitals', headers({ 'X-Dry-Run': 'true' }), 'spec.action.http.headers', 'in lower case'],
    ['with a credential among the headers', headers({ authorization: 'Bearer x' }), 'spec.action.http.headers', 'Set spec.credential instead'],
    ['with cookies', headers({ cookie: 'a=b' }), 'spec.action.http.headers', 'Set spec.credential instead'],
    ['with a header that frames the message', headers({ 'transfer-encoding': 'chunked' }), 'spec.action.http.headers', 'Remove them'],
    ['with a line break in a header', headers({ 'x-a': 'b\r\nx-c: d' }), 'spec.action.http.headers[x-a]', 'printable ASCII'],
    ['with more than 16 headers', headers(Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`x-${i}`, '']))), 'spec.action.http.headers', 'at most 16'],
    // kubernetes
    ['to delete pods without saying which', kubernetes({ name: undefined }), 'spec.action.kubernetes.name', 'use list, watch or deletecollection'],
    ['to get without a name', kubernetes({ verb: 'get', name: undefined }), 'spec.action.kubernetes.name', 'name the one object'],
    ['to update without a name', kubernetes({ verb: 'update', name: undefined, body: anyBody }), 'spec.action.kubernetes.name', 'name the one object'],
    ['to patch without a name', kubernetes({ verb: 'patch', name: undefined, body: anyBody, patchType: 'JSON' }), 'spec.action.kubernetes.name', 'name the one object'],
    ['to apply without a name', kubernetes({ verb: 'apply', name: undefined, body: anyBody }), 'spec.action.kubernetes.name', 'name the one object'],
    ['for the subresource of an unnamed object', kubernetes({ verb: 'create', resource: 'pods', subresource: 'eviction', name: undefined }), 'spec.action.kubernetes.name', 'every subresource'],
    ['to create a named object', kubernetes({ verb: 'create', body: anyBody }), 'spec.action.kubernetes.name', 'must be absent for create'],
    ['to patch in an unsaid way', kubernetes({ verb: 'patch', body: anyBody }), 'spec.action.kubernetes.patchType', 'patchType must be set exactly if'],
    ['to apply with a patch type', kubernetes({ verb: 'apply', body: anyBody, patchType: 'Merge' }), 'spec.action.kubernetes.patchType', 'patchType must be set exactly if'],
    ['to get with a body', kubernetes({ verb: 'get', body: anyBody }), 'spec.action.kubernetes.body', 'get, list and watch'],
    ['to update without a body', kubernetes({ verb: 'update' }), 'spec.action.kubernetes.body', 'body is required'],
    ['to change grants', kubernetes({ apiGroup: 'actiongrant.dev', version: 'v1alpha1', resource: 'actiongrants' }), 'spec.action.kubernetes.apiGroup', 'must not be actiongrant.dev'],
    ['to mint tokens', kubernetes({ verb: 'create', resource: 'serviceaccounts', subresource: 'token' }), 'spec.action.kubernetes.subresource', 'would outlive the grant'],
    ['to attach', kubernetes({ verb: 'create', subresource: 'attach' }), 'spec.action.kubernetes.subresource', 'Grant the single call'],
    ['to forward ports', kubernetes({ verb: 'create', subresource: 'portforward' }), 'spec.action.kubernetes.subresource', 'Grant the single call'],
    ['to proxy', kubernetes({ verb: 'get', resource: 'nodes', subresource: 'proxy' }), 'spec.action.kubernetes.subresource', 'Grant the single call'],
    ['to exec without a command', kubernetes({ verb: 'create', subresource: 'exec' }), 'spec.action.kubernetes.queryParameters', 'one command and not a session'],
    ['to exec with a terminal', kubernetes({ verb: 'create', subresource: 'exec', queryParameters: { command: 'sh', tty: 'true' } }), 'spec.action.kubernetes.queryParameters', 'one command and not a session'],
    ['for any verb', kubernetes({ verb: '*' }), 'spec.action.kubernetes.verb', 'deletecollection'],
    ['for a group with its version', kubernetes({ apiGroup: 'apps/v1' }), 'spec.action.kubernetes.apiGroup', 'the group alone'],
    ['for a version with its group', kubernetes({ version: 'apps/v1' }), 'spec.action.kubernetes.version', 'the version alone'],
    ['for every resource', kubernetes({ resource: '*' }), 'spec.action.kubernetes.resource', '* is not possible'],
    ['for a resource with its subresource', kubernetes({ resource: 'pods/exec' }), 'spec.action.kubernetes.resource', 'subresource has a field of its own'],
    ['for every subresource', kubernetes({ subresource: '*' }), 'spec.action.kubernetes.subresource', 'leave it out for the resource itself'],
    ['in every namespace', kubernetes({ namespace: '*' }), 'spec.action.kubernetes.namespace', 'the name of one namespace'],
    ['for every name', kubernetes({ name: '*' }), 'spec.action.kubernetes.name', '* is not possible'],
    ['for a name that is a path', kubernetes({ name: '../secrets/a' }), 'spec.action.kubernetes.name', 'without /'],
    ['with an odd query parameter', kubernetes({ queryParameters: { 'a&b': 'c' } }), 'spec.action.kubernetes.queryParameters', 'such as fieldManager'],
    ['with a control character in a query parameter', kubernetes({ queryParameters: { fieldManager: 'a\u0000b' } }), 'spec.action.kubernetes.queryParameters[fieldManager]', 'must be one line'],
    ['with a tab in a header', headers({ 'x-a': 'b\tc' }), 'spec.action.http.headers[x-a]', 'must be one line'],
    ['with JSON of several lines', http({ body: { type: 'JSON', json: '{\n}' } }), 'spec.action.http.body.json', 'as jq -c prints it'],
    ['with hidden text in JSON', http({ body: { type: 'JSON', json: '"\u200b"' } }), 'spec.action.http.body.json', 'write such a character as an escape'],
    ['with JSON of several lines for a Kubernetes call', kubernetes({ body: { type: 'JSON', json: '{}\n' } }), 'spec.action.kubernetes.body.json', 'must be one line'],
    ['with a C1 control in a name', kubernetes({ name: 'a\u0085b' }), 'spec.action.kubernetes.name', 'must be one line'],
    ['with a query parameter that reads backwards', kubernetes({ queryParameters: { fieldManager: 'a\u202Eb' } }), 'spec.action.kubernetes.queryParameters[fieldManager]', 'must be one line'],
    ['with arguments of several lines', mcp({ arguments: '{\n}' }), 'spec.action.mcp.arguments', 'must be one line'],
    ['of a requester whose name has a line break', { ...aGrantSpec(), requester: { username: 'ann\nStatus:' } }, 'spec.requester.username', 'must be one line'],
    // mcp
    ['for an MCP server under an odd URL', mcp({ url: 'https://mcp.example.com/a/../mcp' }), 'spec.action.mcp.url', '. or .. segment'],
    ['for an MCP tool with spaces', mcp({ tool: 'quarantine a host' }), 'spec.action.mcp.tool', 'as tools/list prints it'],
    ['for MCP arguments that are no object', mcp({ arguments: '["host-7"]' }), 'spec.action.mcp.arguments', 'JSON object'],
    // credential
    ['that would send a credential in clear text', url('http://edr.example.com/v1'), 'spec.action.http.url', 'Use https, or leave spec.credential out'],
    ['that would send a credential to MCP in clear text', mcp({ url: 'http://mcp.example.com/mcp' }), 'spec.action.mcp.url', 'Use https, or leave spec.credential out'],
    ['to call the API server as nobody', withoutCredential(kubernetes({}) as unknown as ActionGrantSpec), 'spec', 'spec.credential is required'],
    ['to call the API server with an audience', { ...kubernetes({}), credential: aCredential('HTTP') }, 'spec.credential.serviceAccountToken.audience', 'Remove the field'],
    ['to call a service with the API server’s token', { ...http({}), credential: aCredential('Kubernetes') }, 'spec.credential.serviceAccountToken.audience', 'usually its URL'],
    ['with our own audience', audience('actiongrant.dev'), 'spec.credential.serviceAccountToken.audience', 'proves who a sidecar is'],
    ['with the API server’s audience', audience('https://kubernetes.default.svc.cluster.local'), 'spec.credential.serviceAccountToken.audience', 'type Kubernetes'],
    ['with the API server’s short name as audience', audience('https://kubernetes.default.svc'), 'spec.credential.serviceAccountToken.audience', 'type Kubernetes'],
    ['with a space in the audience', audience('https://edr.example.com '), 'spec.credential.serviceAccountToken.audience', 'without spaces'],
    ['with a ServiceAccount of another namespace', { ...aGrantSpec(), credential: aCredential('HTTP', 'soc/edr') }, 'spec.credential.serviceAccountToken.serviceAccountName', 'without the namespace'],
    // the rest
    ['that gives no reason', { ...aGrantSpec(), justification: ' \n ' }, 'spec.justification', 'cannot be blank'],
    ['whose reason moves the cursor', { ...aGrantSpec(), justification: 'a\u001b[2Jb' }, 'spec.justification', 'Write plain text'],
    ['whose reason returns the carriage', { ...aGrantSpec(), justification: 'delete\rread' }, 'spec.justification', 'Write plain text'],
    ['whose reason has several lines', { ...aGrantSpec(), justification: 'a\nStatus:\n  Approvals:  2/2' }, 'spec.justification', 'must be one line'],
    ['whose reason has a line separator', { ...aGrantSpec(), justification: 'a\u2028b' }, 'spec.justification', 'must be one line'],
    ['whose reason hides tags', { ...aGrantSpec(), justification: 'a\u{e0061}b' }, 'spec.justification', 'must be one line'],
    ['whose reason hides data in selectors', { ...aGrantSpec(), justification: 'a\u{e0100}b' }, 'spec.justification', 'must be one line'],
    ['whose reason is of fillers', { ...aGrantSpec(), justification: '\u3164' }, 'spec.justification', 'must be one line'],
    ['whose reason reads backwards', { ...aGrantSpec(), justification: 'a \u202Eb' }, 'spec.justification', 'Write plain text'],
    ['whose reason is longer than 1024', { ...aGrantSpec(), justification: 'a'.repeat(1025) }, 'spec.justification', '1024'],
    ['that waits longer than a week', { ...aGrantSpec(), decisionDeadlineSeconds: 604801 }, 'spec.decisionDeadlineSeconds', '604800'],
    ['that is usable for longer than a day', { ...aGrantSpec(), useDeadlineSeconds: 86401 }, 'spec.useDeadlineSeconds', '86400'],
    ['whose call outlives its token', { ...aGrantSpec(), timeoutSeconds: 571 }, 'spec.timeoutSeconds', '570'],
    ['that is kept for longer than 30 days', { ...aGrantSpec(), ttlSecondsAfterFinished: 2592001 }, 'spec.ttlSecondsAfterFinished', '2592000'],
  ])('%s', async ([, spec, field, message]) => {
    const reasons = await refusal(spec);
    expect(reasons.filter((reason) => reason.startsWith(`${field}: `)).join('\n')).toContain(message);
  });

  test.for(['agent', 'action', 'justification'])('without %s', async (field) => {
    const reasons = await refusal({ ...aGrantSpec(), [field]: undefined });
    expect(reasons).toContainEqual(`spec.${field}: Required value`);
  });

  test('with a field that does not exist, when kubectl asks', async () => {
    const grant = aNewGrant();
    const input = JSON.stringify({ ...grant, spec: { ...grant.spec, timeoutMinutes: 5 } });
    const namespace = grants.split('/')[5] ?? '';
    const { code, stderr } = await plane.kubectl(['create', '-n', namespace, '-f', '-'], { input });
    expect(code).toBe(1);
    expect(stderr).toContain('unknown field "spec.timeoutMinutes"');
  });

  test('with the reason in the terminal, when kubectl asks', async () => {
    const input = JSON.stringify({ ...aNewGrant(), spec: url('http://edr.example.com/v1') });
    const namespace = grants.split('/')[5] ?? '';
    const { code, stderr } = await plane.kubectl(['create', '-n', namespace, '-f', '-'], { input });
    expect(code).toBe(1);
    expect(stderr).toContain(
      'spec.action.http.url must start with https:// when spec.credential is set',
    );
  });

  test('by every rule of the schema at least once', () => {
    const said = [...seen].join('\n');
    const unseen = ruleMessages('spec').filter((message) => !said.includes(message));
    // The one rule about changes; crd-status.test.ts has it.
    expect(unseen).toEqual([expect.stringMatching(/^spec cannot be changed/)]);
  });
});

describe('the API server admits a grant', () => {
  // biome-ignore format: one row, one case
  test.for<[string, ActionGrantSpec | AnySpec]>([
    ['for an HTTP call with a credential', aGrantSpec()],
    ['for plain HTTP without one', withoutCredential({ ...aGrantSpec(), action: anHttpAction({ url: 'http://edr.example.com:8080/v1' }) })],
    ['for https on port 80', url('https://edr.example.com:80/v1')],
    ['for an IPv4 address', url('https://192.0.2.1:8443/')],
    ['for an IPv6 address', url('https://[2001:db8::1]:8443/')],
    ['for a path with dots that are no segments', url('https://api.github.com/repos/a/b/compare/main...v1.2?x=//..')],
    ['for encoded slashes, dots and percent signs', url('https://gitlab.example.com/api/v4/projects/group%2Fproject/repository/files/lib%2fclass%2Erb/100%25')],
    ['for a query that no client encodes further', url('https://wiki.example.com/w?titles=A|B&f={a}^`b`')],
    ['for percent-encoded text', url('https://edr.example.com/v1/h%C3%B6st?q=%2F%2e')],
    ['for an exact header', headers({ 'x-dry-run': 'true', 'if-match': '"33a6"', 'x-empty': '' })],
    ['for a body by its digest', http({ body: { type: 'SHA256', sha256: 'a'.repeat(64) } })],
    ['for any body', http({ body: anyBody })],
    ['for no body', http({ body: undefined })],
    ['for the longest body', http({ body: { type: 'JSON', json: `"${'a'.repeat(32766)}"` } })],
    ['to delete a pod', kubernetes({})],
    ['to delete with options', kubernetes({ body: { type: 'JSON', json: '{"propagationPolicy":"Orphan"}' } })],
    ['to list, in all namespaces', kubernetes({ verb: 'list', namespace: undefined, name: undefined })],
    ['to watch one object', kubernetes({ verb: 'watch', queryParameters: { fieldSelector: 'metadata.name=checkout-0' } })],
    ['to create a Deployment', kubernetes({ verb: 'create', apiGroup: 'apps', resource: 'deployments', name: undefined, body: anyBody })],
    ['to evict a pod', kubernetes({ verb: 'create', subresource: 'eviction', body: anyBody })],
    ['to scale by a patch', kubernetes({ verb: 'patch', apiGroup: 'apps', resource: 'deployments', subresource: 'scale', patchType: 'Merge', body: { type: 'JSON', json: '{"spec":{"replicas":3}}' } })],
    ['to apply', kubernetes({ verb: 'apply', body: anyBody, queryParameters: { fieldManager: 'agent', force: 'true' } })],
    ['to run one command', kubernetes({ verb: 'create', subresource: 'exec', queryParameters: { command: 'uptime', stdout: 'true' } })],
    ['to read a cluster-scoped object with a colon', kubernetes({ verb: 'get', apiGroup: 'rbac.authorization.k8s.io', resource: 'clusterroles', name: 'system:node', namespace: undefined })],
    ['for an MCP tool', mcp({ arguments: '{ "host": "host-7" }' })],
    ['with a reason in any script', { ...aGrantSpec(), justification: 'アラート 4711: beaconing ❤️ تنبيه' }],
  ])('%s', async ([, spec]) => {
    const response = await create(spec);
    expect(causesOf(response)).toEqual([]);
    expect(response.status).toBe(201);
  });

  test('and fills in what it does not say', async () => {
    const { agent: who, action, justification } = aGrantSpec();
    const { body } = await create(
      withoutCredential({ agent: who, action, justification } as ActionGrantSpec),
    );
    expect(body['spec']).toEqual({
      agent: who,
      action,
      justification,
      approvedByRequester: false,
      decisionDeadlineSeconds: 3600,
      useDeadlineSeconds: 900,
      timeoutSeconds: 30,
      ttlSecondsAfterFinished: 3600,
    });
  });

  test('and keeps large integers and nulls of its JSON text', async () => {
    const json = '{"id": 9007199254740993, "reason": null}';
    const { body } = await create(http({ body: { type: 'JSON', json } }));
    const { action } = body['spec'] as { action: GrantAction };
    expect(action.http?.body?.json).toBe(json);
  });

  test('and drops a status that its creator wrote', async () => {
    const { body } = await plane.request<KubeObject>('POST', `${grants}?dryRun=All`, {
      ...aNewGrant(),
      status: { phase: 'Approved' },
    });
    expect(body).not.toHaveProperty('status');
  });
});
