/** A mutating webhook of somebody else: a real HTTPS server, registered for the pods of one namespace. */

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { memberPatch } from '../../controller/admission/protocol/json-patch.ts';
import type { Pod } from '../../controller/pods/pod.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { createAuthority, issue } from './pki.ts';

export interface OtherWebhookOptions {
  /** Of its configuration: the API server calls configurations in the order of their names. */
  name: string;
  reinvocationPolicy: 'Never' | 'IfNeeded';
  /** The pod as it leaves it. */
  mutate(pod: Pod): Pod;
}

export interface OtherWebhooks {
  /** Runs while it is registered, and called. */
  during(options: OtherWebhookOptions, run: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

interface Review {
  request: { uid: string; kind: { kind: string }; object: Pod };
}

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

export async function startOtherWebhooks(
  plane: ControlPlane,
  namespace: string,
): Promise<OtherWebhooks> {
  const authority = await createAuthority('somebody else');
  const { certificate, key } = await issue(authority, {
    commonName: 'other webhook',
    ipAddresses: ['127.0.0.1'],
    usage: 'server',
  });
  const mutations = new Map<string, OtherWebhookOptions['mutate']>();
  const called = new Set<string>();
  let count = 0;
  const server = createServer({ cert: certificate, key }, async (request, response) => {
    const { request: asked } = (await json(request)) as Review;
    const path = request.url?.replace(/\?.*$/, '') ?? '';
    called.add(path);
    const mutate = asked.kind.kind === 'Pod' ? mutations.get(path) : undefined;
    const patch = mutate === undefined ? [] : memberPatch(asked.object, mutate(asked.object), '');
    const changes =
      patch.length === 0
        ? {}
        : {
            patchType: 'JSONPatch',
            patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
          };
    const answer = {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: asked.uid, allowed: true, ...changes },
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    async during({ name, reinvocationPolicy, mutate }, run) {
      const path = `/mutation-${count++}`;
      mutations.set(path, mutate);
      await plane.api('POST', CONFIGURATIONS, {
        metadata: { name },
        webhooks: [
          {
            name: 'other.example.com',
            admissionReviewVersions: ['v1'],
            clientConfig: {
              url: `https://127.0.0.1:${port}${path}`,
              caBundle: Buffer.from(authority.certificate).toString('base64'),
            },
            rules: [
              {
                apiGroups: [''],
                apiVersions: ['v1'],
                operations: ['CREATE'],
                resources: ['pods', 'configmaps'],
              },
            ],
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
            reinvocationPolicy,
            sideEffects: 'None',
          },
        ],
      });
      try {
        await eventually(async () => {
          await plane.api('POST', `/api/v1/namespaces/${namespace}/configmaps?dryRun=All`, {
            metadata: { generateName: 'is-it-called-' },
          });
          if (!called.has(path)) throw new Error('the other webhook is not called yet');
        });
        await run();
      } finally {
        await plane.api('DELETE', `${CONFIGURATIONS}/${name}`);
      }
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
