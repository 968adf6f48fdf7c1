/** An agent with its sidecar, the product behind it, and somebody who grants what the agent is to do. */

import type {
  ActionGrant,
  ActionGrantSpec,
  GrantBody,
} from '../../core/api/generated/actiongrant.ts';
import { aNewGrant, withoutCredential } from './builders.ts';
import { type ControlPlane, type OwnControlPlane, startControlPlane } from './control-plane.ts';
import { createServiceAccount, grantsPath, untilGrant, untilPhase } from './grants.ts';
import { type Product, startProduct } from './product.ts';
import { type SharedProduct, shareProduct } from './shared.ts';
import type { SidecarOptions, SidecarProcess } from './sidecar-process.ts';

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

export interface AgentStage<
  Plane extends ControlPlane = ControlPlane,
  Behind extends Product | SharedProduct = Product | SharedProduct,
> {
  readonly plane: Plane;
  readonly product: Behind;
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

/** With a cluster of its own, which a test may break. */
export type OwnAgentStage = AgentStage<OwnControlPlane, Product>;

/** In the cluster that files share. */
export async function shareAgentStage(): Promise<AgentStage<ControlPlane, SharedProduct>> {
  const product = await shareProduct();
  const { plane, namespace } = product;
  await createServiceAccount(plane, namespace, ACCOUNT);
  return stageOf(plane, product, namespace, () => product.stop());
}

export async function startAgentStage(): Promise<OwnAgentStage> {
  const plane = await startControlPlane();
  const namespace = 'soc';
  let product: Product | undefined;
  try {
    await plane.api('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    await createServiceAccount(plane, namespace, ACCOUNT);
    product = await startProduct(plane, { replicas: 2, agentNamespaces: [namespace] });
    return stageOf(plane, product, namespace, stop);
  } catch (error) {
    await stop();
    throw error;
  }
  async function stop(): Promise<void> {
    await product?.stop();
    await plane.stop();
  }
}

function stageOf<Plane extends ControlPlane, Behind extends Product | SharedProduct>(
  plane: Plane,
  product: Behind,
  namespace: string,
  stop: () => Promise<void>,
): AgentStage<Plane, Behind> {
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
    stop,
  };
}
