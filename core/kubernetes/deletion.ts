/** Deletes one object, and says exactly what became of it. */

import type { DeleteOptions, DeleteResult } from './client.ts';
import { isKubernetesError } from './error.ts';
import type { ObjectReference, Resource } from './object.ts';
import { objectPath } from './paths.ts';
import type { Send } from './sender.ts';

/** @throws KubernetesError, `Conflict` for every 409 that proves no other UID */
export async function deleteObject(
  send: Send,
  resource: Resource,
  reference: ObjectReference,
  options: DeleteOptions,
): Promise<DeleteResult> {
  const path = objectPath(resource, reference);
  try {
    const body = deleteOptionsOf(options);
    return resultOfAnswer(await send('Write', { method: 'DELETE', path, body }, options));
  } catch (error) {
    const result = resultOfError(error, options.uid);
    if (result === undefined) throw error;
    return result;
  }
}

/** meta/v1 DeleteOptions. */
function deleteOptionsOf({ uid, resourceVersion, propagationPolicy }: DeleteOptions): object {
  return {
    kind: 'DeleteOptions',
    apiVersion: 'meta/v1',
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    preconditions: {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
}

/** A Status of success proves the deletion. An object, whatever its metadata says, does not: asking again gives NotFound. */
function resultOfAnswer(answer: Record<string, unknown>): DeleteResult {
  return answer['kind'] === 'Status' && answer['status'] === 'Success' ? 'deleted' : 'terminating';
}

function resultOfError(error: unknown, uid: string | undefined): DeleteResult | undefined {
  if (isKubernetesError(error, 'NotFound')) return 'notFound';
  if (uid === undefined || !isKubernetesError(error, 'Conflict')) return undefined;
  return provesOtherUid(error.message, uid) ? 'uidMismatch' : undefined;
}

/** k8s.io/apiserver: registry/rest/delete.go looks first, storage/interfaces.go looks in the write. */
const UID_CONFLICTS = [
  /the UID in the precondition \(([\w-]+)\) does not match the UID in record \(([\w-]+)\)\. The object might have been deleted and then recreated$/,
  /Precondition failed: UID in precondition: ([\w-]+), UID in object meta: ([\w-]+)$/,
];

/**
 * Whether a 409 says that the name belongs to an object with another UID. kube-apiserver has no machine-readable form of it,
 * other 409s exist (a terminating namespace, an admission webhook's own code), and the caller may have no right to read the
 * object. Text that is not understood is a conflict, which claims no deletion.
 */
function provesOtherUid(message: string, uid: string): boolean {
  return UID_CONFLICTS.some((pattern) => {
    const match = pattern.exec(message);
    return match !== null && match[1] === uid && match[2] !== uid;
  });
}
