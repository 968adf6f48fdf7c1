/**
 * Where a call and a grant meet. Both are reduced to the same canonical text, so that matching is one look-up by digest
 * however many grants there are, and what a grant does not mention is absent from the text: a call that has it differs.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from './json.js';
/** Digest of an action with one way of stating its body. */
export function actionDigest(action, body) {
  // The body of the call itself is replaced, so that only what the pattern says takes part.
  const text = canonicalJson({ ...action, body });
  return sha256Hex(text);
}
/** Every key under which a grant for this call may be found, the most specific first. */
export function actionKeys(call) {
  return bodyPatterns(call.body).map((body) => ({
    form: body.form,
    digest: actionDigest(call, body),
  }));
}
/** The ways to state this body in a grant, the most specific first. */
function bodyPatterns(body) {
  switch (body.kind) {
    case 'none':
      return [{ form: 'None' }];
    case 'unread':
      return [{ form: 'Any' }];
    case 'bytes':
      return [
        ...(body.jsonSha256 === undefined ? [] : [{ form: 'JSON', sha256: body.jsonSha256 }]),
        { form: 'SHA256', sha256: body.sha256 },
        { form: 'Any' },
      ];
  }
}
export function sha256Hex(data) {
  return createHash('sha256').update(data).digest('hex');
}
