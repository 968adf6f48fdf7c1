/** An agent with its sidecar, the product behind it, and somebody who grants what the agent is to do. */

import type {
  ActionGrant,
  ActionGrantSpec,
  GrantBody,
} from '../../core/api/generated/actiongrant.ts';
import { aNewGrant, withoutCredential } from './builders.ts';
import { type OwnControlPlane, startControlPlane } from './control-plane.ts';
import { createServiceAccount, grantsPath, untilGrant, untilPhase } from './grants.ts';
import { type Product, type SidecarOptions, type SidecarProcess, startProduct } from './product.ts';

export const AGENT = 'incident-agent';
/** The account of every credential. */
export const ACCOUNT = 'edr-quarantine';

/** A call to a web API, as a grant names it. */
export interface GrantedCall {
  readonly method?: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: GrantBody;
}

export interface AgentStage {
  readonly plane: OwnControlPlane;
  readonly product: Product;
  readonly namespace: string;
  startSidecar(options?: Partial<SidecarOptions>): Promise<SidecarProcess>;
  /** A usable grant for this call; with a credential, unless it is plain HTTP. */
  grant(call: GrantedCall, spec?: Partial<ActionGrantSpec>): Promise<ActionGrant>;
  /** A usable grant without a credential. */
  grantWithoutCredential(call: GrantedCall, spec?: Partial<ActionGrantSpec>): Promise<ActionGrant>;
  /** The grant once so many of its uses have ended. */
  ended(grant: ActionGrant, uses?: number): Promise<ActionGrant>;
  stop(): Promise<void>;
}

export async function startAgentStage(): Promise<AgentStage> {
  const plane = await startControlPlane();
  const namespace = 'soc';
  let product: Product | undefined;
  try {
    await plane.api('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    await createServiceAccount(plane, namespace, ACCOUNT);
    product = await startProduct(plane, { replicas: 2, agentNamespaces: [namespace] });
    return stageOf(plane, product, namespace);
  } catch (error) {
    await product?.stop();
    await plane.stop();
    throw error;
  }
}

function stageOf(plane: OwnControlPlane, product: Product, namespace: string): AgentStage {
  const create = async (
    call: GrantedCall,
    withCredential: boolean,
    spec: Partial<ActionGrantSpec>,
  ): Promise<ActionGrant> => {
    const { method = 'GET', ...rest } = call;
    const manifest = aNewGrant({
      metadata: { generateName: 'granted-' } as object,
      spec: {
        agent: { serviceAccountName: AGENT },
        action: { type: 'HTTP', http: { method, ...rest } },
        credential: {
          type: 'ServiceAccountToken',
          serviceAccountToken: {
            serviceAccountName: ACCOUNT,
            audience: new URL(call.url).origin,
          },
        },
        approvedByRequester: true,
        ...spec,
      },
    });
    const grant = await plane.api<ActionGrant>('POST', grantsPath(namespace), {
      ...manifest,
      spec: withCredential ? manifest.spec : withoutCredential(manifest.spec),
    });
    return untilPhase(plane, grant, 'Approved');
  };
  return {
    plane,
    product,
    namespace,
    startSidecar: (options = {}) =>
      product.startSidecar({ namespace, serviceAccountName: AGENT, ...options }),
    grant: (call, spec = {}) => create(call, call.url.startsWith('https:'), spec),
    grantWithoutCredential: (call, spec = {}) => create(call, false, spec),
    ended: (grant, uses = 1) =>
      untilGrant(
        plane,
        grant,
        ({ status }) =>
          status?.uses?.filter(({ endTime }) => endTime !== undefined).length === uses,
        `has not ended ${uses} use(s)`,
      ),
    async stop() {
      await product.stop();
      await plane.stop();
    },
  };
}
