/** Applies manifests as Helm does, without starting a process for it. */

import type { KubeObject } from './api-client.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';

const ESTABLISHED = { withinMilliseconds: 30_000, everyMilliseconds: 20 };
/** Of what names none itself. */
const NAMESPACE = 'actiongrant-system';

/** A document of YAML, such as the rendered chart has. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** As Helm 4 does: server-side, all at once, unknown fields an error. @throws ApiError */
export async function apply(plane: ControlPlane, manifests: readonly Manifest[]): Promise<void> {
  const query = 'fieldManager=helm&force=true&fieldValidation=Strict';
  await Promise.all(
    manifests.map(async (manifest) =>
      plane.api('PATCH', `${await objectPath(plane, manifest)}?${query}`, manifest, {
        contentType: 'application/apply-patch+yaml',
      }),
    ),
  );
}

interface ResourceList extends KubeObject {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
  }[];
}

/** Path of the object that a manifest describes. */
export async function objectPath(plane: ControlPlane, manifest: Manifest): Promise<string> {
  const { apiVersion, kind, metadata } = manifest;
  const version = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const { resources } = await plane.api<ResourceList>('GET', version);
  const resource = resources.find((one) => one.kind === kind && !one.name.includes('/'));
  if (resource === undefined) throw new Error(`the API server has no ${kind} in ${apiVersion}`);
  const where = resource.namespaced ? `/namespaces/${metadata.namespace ?? NAMESPACE}` : '';
  return `${version}${where}/${resource.name}/${metadata.name}`;
}

interface CustomResourceDefinition extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Resolves once the resources of this CustomResourceDefinition are served. */
export async function untilEstablished(plane: ControlPlane, name: string): Promise<void> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
  await eventually(async () => {
    const { status } = await plane.api<CustomResourceDefinition>('GET', path);
    const established = status?.conditions?.find(({ type }) => type === 'Established');
    if (established?.status !== 'True') throw new Error(`${name} is not established`);
  }, ESTABLISHED);
}
