/** What every story does: create a grant with kubectl, let the agent call, look at the record, try the token again. */

import type { AgentAnswer, DemoAgent } from './agent.ts';
import type { Narrator } from './narrator.ts';
import type { Namespace, Service, Stage } from './stage.ts';

export interface GrantRequest {
  /** `metadata.generateName`, without its hyphen. */
  name: string;
  agent: string;
  /** YAML of `spec.action`, indented by four. */
  action: string;
  account: string;
  audience?: string;
  justification: string;
}

export interface Scene {
  readonly agent: DemoAgent;
  /** As alice, shown as she would type it. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Creates a grant and waits until it is usable. @returns its name */
  grant(request: GrantRequest): Promise<string>;
  call(method: string, url: string, body?: unknown): Promise<AgentAnswer>;
  /** Checks that a call was refused for want of a grant, with the manifest of the one that is missing. */
  mustBeRefused(what: string, answer: AgentAnswer): void;
  /** Shows the record, once the use is over. */
  showRecord(name: string, outcome: string): Promise<void>;
  /** Tries the token that the service was given, until the API server refuses it; told at the end. */
  retryToken(service: Service, call: string): void;
}

/** Longest wait for a record or a refusal. */
const PATIENCE_MILLISECONDS = 20_000;

export async function openScene(
  stage: Stage,
  narrator: Narrator,
  namespace: Namespace,
  serviceAccountName: string,
  pending: Promise<() => void>[],
): Promise<Scene> {
  const { plane, services, alice } = stage;
  const agent = await stage.startAgent(namespace, serviceAccountName);

  // The whole manifest once a story: the others differ in what was called.
  let firstRefusal = true;

  const kubectl: Scene['kubectl'] = async (args, input) => {
    const { code, stdout, stderr } = await plane.kubectl(['-n', namespace, ...args], {
      as: alice,
      ...(input === undefined ? {} : { input }),
    });
    narrator.command(`kubectl -n ${namespace} ${args.join(' ')}`, `${stdout}${stderr}`);
    if (code !== 0) throw new Error(`kubectl ${args[0]} failed: ${stderr}`);
    return stdout.trim();
  };

  return {
    agent,
    kubectl,
    async grant(request) {
      const manifest = manifestOf(namespace, request);
      for (const line of manifest.trimEnd().split('\n')) narrator.say(`  ${line}`);
      const name = await kubectl(['create', '-f', '-', '-o', 'name'], manifest);
      await kubectl(['wait', '--for=condition=Ready', name, '--timeout=10s']);
      return name;
    },
    async call(method, url, body) {
      const answer = await agent.call(method, url, body);
      narrator.command(
        `agent: ${method} ${url}${body === undefined ? '' : ` ${JSON.stringify(body)}`}`,
        `HTTP ${answer.status}${answer.status < 400 ? ` ${answer.text.slice(0, 200)}` : ''}`,
      );
      return answer;
    },
    mustBeRefused(what, { status, json }) {
      const manifest = String(json?.['manifest'] ?? '');
      narrator.say(`  ${String(json?.['code'])}: ${String(json?.['detail'])}`);
      if (firstRefusal)
        for (const line of manifest.trimEnd().split('\n')) narrator.say(`  | ${line}`);
      firstRefusal = false;
      narrator.check(
        `${what} is refused, and the answer has the grant that would allow it`,
        status === 403 &&
          json?.['code'] === 'GrantRequired' &&
          manifest.includes('kind: ActionGrant'),
      );
    },
    async showRecord(name, outcome) {
      const jsonpath = '{.status.conditions[?(@.type=="Finished")].reason}';
      await kubectl(['wait', '--for=condition=Finished', name, '--timeout=10s']);
      const reason = await plane.kubectl(['-n', namespace, 'get', name, `-o=jsonpath=${jsonpath}`]);
      await kubectl(['get', name, '-o', 'wide']);
      narrator.check(`the record says ${outcome}`, reason.stdout === outcome);
    },
    retryToken(service, call) {
      const upstream = services[service];
      const used = upstream.effects.find((e) => `${e.method} ${e.path}` === call);
      const token = used?.token ?? '';
      const since = used?.receivedAt ?? 0;
      pending.push(
        (async () => {
          const end = performance.now() + PATIENCE_MILLISECONDS;
          let refused = false;
          while (!refused && performance.now() < end) {
            const review = await plane.api<{ status: { authenticated?: boolean } }>(
              'POST',
              '/apis/authentication.k8s.io/v1/tokenreviews',
              { spec: { token, audiences: [`https://${service}`] } },
            );
            refused = review.status.authenticated !== true;
            if (!refused) await new Promise((resolve) => setTimeout(resolve, 100));
          }
          const seconds = ((performance.now() - since) / 1000).toFixed(1);
          return () =>
            narrator.check(
              `the token that ${service} got for "${call}" is refused by the API server ${seconds} s after its first use`,
              refused && token !== '',
            );
        })(),
      );
    },
  };
}

function manifestOf(namespace: string, request: GrantRequest): string {
  return `apiVersion: actiongrant.dev/v1alpha1
kind: ActionGrant
metadata: {generateName: ${request.name}-, namespace: ${namespace}}
spec:
  agent: {serviceAccountName: ${request.agent}}
  action:
${request.action}
  credential:
    type: ServiceAccountToken
    serviceAccountToken: {serviceAccountName: ${request.account}${
      request.audience === undefined ? '' : `, audience: "${request.audience}"`
    }}
  approvedByRequester: true
  justification: "${request.justification}"
`;
}
