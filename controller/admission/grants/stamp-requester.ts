/** The mutating webhook: the requester is the user whom the API server authenticated, whatever the payload claims. */

import type { AdmissionAnswer, AdmissionRequest } from '../protocol/review.ts';

/** Sets spec.requester from the authenticated user, on CREATE. Pure. */
export function stampRequester({ object, operation, user }: AdmissionRequest): AdmissionAnswer {
  // Without a spec there is nothing to stamp: the schema refuses such an object with a message of its own.
  if (operation !== 'CREATE' || typeof object['spec'] !== 'object' || object['spec'] === null) {
    return { allowed: true };
  }
  const value = {
    username: user.username,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
  };
  // RFC 6902 4.1: add replaces a member that is there, so nothing of a forged one remains.
  return { allowed: true, patch: [{ op: 'add', path: '/spec/requester', value }] };
}
