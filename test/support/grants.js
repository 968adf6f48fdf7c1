import { aNewGrant } from './builders.js';
import { eventually } from './eventually.js';
const WITHIN_MILLISECONDS = 20_000;
export function grantsPath(namespace) {
    return `/apis/actiongrant.dev/v1alpha1/namespaces/${namespace}/actiongrants`;
}
/** Creates a grant that its requester decides by creating it, unless `spec` says otherwise. */
export function createGrant(plane, namespace, { name, spec } = {}) {
    return plane.api('POST', grantsPath(namespace), aNewGrant({
        ...(name === undefined ? {} : { metadata: { name } }),
        spec: { approvedByRequester: true, ...spec },
    }));
}
/** A grant that can be used now. */
export async function createUsableGrant(plane, namespace, grant = {}) {
    return untilPhase(plane, await createGrant(plane, namespace, grant), 'Approved');
}
export function readGrant(plane, { metadata }) {
    return plane.api('GET', `${grantsPath(metadata.namespace)}/${metadata.name}`);
}
/** The grant once it is in this phase. */
export function untilPhase(plane, grant, phase, withinMilliseconds = WITHIN_MILLISECONDS) {
    return untilGrant(plane, grant, ({ status }) => status?.phase === phase, `is not ${phase}`, withinMilliseconds);
}
/** The grant once this holds. */
export function untilGrant(plane, grant, holds, complaint, withinMilliseconds = WITHIN_MILLISECONDS) {
    return eventually(async () => {
        const current = await readGrant(plane, grant);
        if (holds(current))
            return current;
        throw new Error(`grant ${current.metadata.name} ${complaint}: ${JSON.stringify(current.status)}`);
    }, { withinMilliseconds, everyMilliseconds: 20 });
}
export async function deleteGrant(plane, { metadata }) {
    await plane.api('DELETE', `${grantsPath(metadata.namespace)}/${metadata.name}`);
}
/** Creates a ServiceAccount. */
export async function createServiceAccount(plane, namespace, name) {
    const { metadata } = await plane.api('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
    return { uid: metadata.uid };
}
