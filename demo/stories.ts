/** The five stories of the product, each with what must be so at its end. */

import { createHash } from 'node:crypto';
import type { Narrator } from './narrator.ts';
import type { Stage } from './stage.ts';
import { openScene } from './storyteller.ts';

/** Work of a story that goes on while the next is told: tokens that are tried until they are refused. */
export type Pending = Promise<() => void>[];

export type Story = (stage: Stage, narrator: Narrator, pending: Pending) => Promise<void>;

export const STORIES: readonly Story[] = [
  quarantine,
  passwordReset,
  keyRevocation,
  oneSecret,
  onePullRequest,
];

async function quarantine(stage: Stage, narrator: Narrator, pending: Pending): Promise<void> {
  narrator.title('1. An incident-response agent quarantines one endpoint');
  const scene = await openScene(stage, narrator, 'soc', 'incident-agent', pending);
  const edr = 'https://edr.example.com';
  const name = await scene.grant({
    name: 'quarantine-host-7',
    agent: 'incident-agent',
    action: `    type: HTTP
    http:
      method: POST
      url: ${edr}/v1/hosts/host-7/quarantine
      body: {type: JSON, json: '{"reason": "beaconing"}'}`,
    account: 'edr-quarantine',
    audience: edr,
    justification: 'alert 4711: beaconing from host-7',
  });
  const body = { reason: 'beaconing' };
  const done = await scene.call('POST', `${edr}/v1/hosts/host-7/quarantine`, body);
  narrator.check('host-7 is quarantined', done.status === 200);
  const again = await scene.call('POST', `${edr}/v1/hosts/host-7/quarantine`, body);
  scene.mustBeRefused('the same call a second time', again);
  const other = await scene.call('POST', `${edr}/v1/hosts/host-8/quarantine`, body);
  scene.mustBeRefused('host-8', other);
  const firewall = await scene.call('PUT', `${edr}/v1/firewall/rules/1`, { allow: '0.0.0.0/0' });
  scene.mustBeRefused('a firewall change', firewall);
  const { effects } = stage.services['edr.example.com'];
  narrator.check(
    'the service did one thing, as the account of the grant',
    effects.length === 1 && effects[0]?.username === 'system:serviceaccount:soc:edr-quarantine',
  );
  scene.retryToken('edr.example.com', 'POST /v1/hosts/host-7/quarantine');
  await scene.showRecord(name, 'Succeeded');
}

async function passwordReset(stage: Stage, narrator: Narrator, pending: Pending): Promise<void> {
  narrator.title(
    '2. A help-desk agent resets one password at a time; the password is in no record',
  );
  const scene = await openScene(stage, narrator, 'helpdesk', 'helpdesk-agent', pending);
  const idp = 'https://idp.example.com';
  const service = stage.services['idp.example.com'];
  for (const [index, user] of ['ana', 'bo'].entries()) {
    const body = { password: `Winter-${user}-2026!` };
    const url = `${idp}/users/${user}/password`;
    if (index > 0) {
      scene.mustBeRefused(
        `${user}'s reset without a grant of its own`,
        await scene.call('PUT', url, body),
      );
    }
    const name = await scene.grant({
      name: `reset-${user}`,
      agent: 'helpdesk-agent',
      action: `    type: HTTP
    http:
      method: PUT
      url: ${url}
      body: {type: SHA256, sha256: ${sha256(JSON.stringify(body))}}`,
      account: 'password-reset',
      audience: idp,
      justification: `ticket 88${index}: ${user} is locked out`,
    });
    const answer = await scene.call('PUT', url, body);
    narrator.check(
      `${user}'s password is reset`,
      answer.status === 200 && service.effects.length === index + 1,
    );
    await scene.showRecord(name, 'Succeeded');
  }
  const records = await stage.plane.kubectl([
    '-n',
    'helpdesk',
    'get',
    'actiongrants,events',
    '-o',
    'yaml',
  ]);
  narrator.check('no record holds a password', !records.stdout.includes('Winter-'));
  scene.retryToken('idp.example.com', 'PUT /users/ana/password');
}

async function keyRevocation(stage: Stage, narrator: Narrator, pending: Pending): Promise<void> {
  narrator.title(
    '3. A cloud-remediation agent revokes one API key; the next one needs a new decision',
  );
  const scene = await openScene(stage, narrator, 'cloud', 'remediation-agent', pending);
  const cloud = 'https://cloud.example.com';
  const name = await scene.grant({
    name: 'revoke-key',
    agent: 'remediation-agent',
    action: `    type: HTTP
    http: {method: DELETE, url: "${cloud}/v2/keys/AKIA7"}`,
    account: 'key-revoker',
    audience: cloud,
    justification: 'leaked in a public repository',
  });
  const revoked = await scene.call('DELETE', `${cloud}/v2/keys/AKIA7`);
  narrator.check('key AKIA7 is revoked', revoked.status === 200);
  scene.mustBeRefused('key AKIA8', await scene.call('DELETE', `${cloud}/v2/keys/AKIA8`));
  scene.mustBeRefused(
    'every key at once',
    await scene.call('DELETE', `${cloud}/v2/keys/AKIA7?cascade=all`),
  );
  narrator.check('one key was revoked', stage.services['cloud.example.com'].effects.length === 1);
  scene.retryToken('cloud.example.com', 'DELETE /v2/keys/AKIA7');
  await scene.showRecord(name, 'Succeeded');
}

async function oneSecret(stage: Stage, narrator: Narrator, pending: Pending): Promise<void> {
  narrator.title('4. A secrets workflow reads one Kubernetes Secret with plain kubectl');
  const scene = await openScene(stage, narrator, 'vault', 'secrets-workflow', pending);
  const read = async (secret: string) => {
    const args = ['-n', 'vault', 'get', 'secret', secret, '-o', 'jsonpath={.data.password}'];
    const result = await scene.agent.kubectl(args);
    narrator.command(`agent: kubectl ${args.join(' ')}`, `${result.stdout}${result.stderr}`);
    return result;
  };
  const before = await read('db-password');
  narrator.check(
    'without a grant, kubectl prints the refusal and the manifest of the grant',
    before.code !== 0 &&
      before.stderr.includes('ActionGrant refused') &&
      before.stderr.includes('kind: ActionGrant'),
  );
  const request = {
    name: 'read-db-password',
    agent: 'secrets-workflow',
    action: `    type: Kubernetes
    kubernetes: {verb: get, version: v1, resource: secrets, namespace: vault, name: db-password}`,
    account: 'secret-reader',
    justification: 'nightly rotation',
  };
  const name = await scene.grant(request);
  const first = await read('db-password');
  const password = Buffer.from(first.stdout, 'base64').toString('utf8');
  narrator.check(
    'the Secret is read once',
    first.code === 0 && password.startsWith('correct-horse'),
  );
  narrator.check('the second read is refused', (await read('db-password')).code !== 0);
  narrator.check('another Secret is refused', (await read('signing-key')).code !== 0);
  await scene.showRecord(name, 'Succeeded');
  const second = await scene.grant(request);
  narrator.check('authorised again, it reads again', (await read('db-password')).code === 0);
  await scene.showRecord(second, 'Succeeded');
}

async function onePullRequest(stage: Stage, narrator: Narrator, pending: Pending): Promise<void> {
  narrator.title(
    "5. A coding assistant opens one pull request and can't merge, deploy or widen its access",
  );
  const scene = await openScene(stage, narrator, 'coding', 'coding-assistant', pending);
  const git = 'https://git.example.com';
  const pull = { title: 'Fix the login', head: 'fix-login', base: 'main' };
  const name = await scene.grant({
    name: 'open-pull-request',
    agent: 'coding-assistant',
    action: `    type: HTTP
    http:
      method: POST
      url: ${git}/repos/shop/pulls
      body: {type: JSON, json: '${JSON.stringify(pull)}'}`,
    account: 'pull-requests',
    audience: git,
    justification: 'issue 12: login fails for new users',
  });
  const opened = await scene.call('POST', `${git}/repos/shop/pulls`, pull);
  narrator.check('the pull request is open', opened.status === 200);
  scene.mustBeRefused('the merge', await scene.call('PUT', `${git}/repos/shop/pulls/1/merge`, {}));
  scene.mustBeRefused(
    'the deployment',
    await scene.call('POST', `${git}/repos/shop/deployments`, { ref: 'main' }),
  );
  const widening = await scene.call(
    'POST',
    `${stage.kubernetesURL}/apis/rbac.authorization.k8s.io/v1/namespaces/coding/rolebindings`,
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'more' } },
  );
  narrator.say(`  ${String(widening.json?.['message']).split('\n')[0]}`);
  narrator.check(
    'a wider role is refused',
    widening.status === 403 && widening.json?.['kind'] === 'Status',
  );
  narrator.check(
    'the service did one thing',
    stage.services['git.example.com'].effects.length === 1,
  );
  scene.retryToken('git.example.com', 'POST /repos/shop/pulls');
  await scene.showRecord(name, 'Succeeded');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
