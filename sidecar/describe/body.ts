/** The last part of a description: what the body says about the action. */

import type { Action } from '../../core/action/action.ts';
import type { ActionBody } from '../../core/action/body.ts';
import { ProblemError } from '../../core/api/problem.ts';
import {
  canonicalJson,
  JsonError,
  type JsonValue,
  parseStrictJsonBytes,
} from '../../core/text/json.ts';
import { canonicalMultipart } from '../../core/text/multipart.ts';
import { sha256Hex } from '../../core/text/sha256.ts';
import { type ActionDescription, callType } from './call-types.ts';
import { formatContentType, type MediaType } from './content-type.ts';
import type { BodyExpectation, JsonReading } from './description.ts';

export interface DescribedCall {
  action: Action;
  /** RFC 8785 bytes, if the body has a JSON reading: what is sent when the grant compared JSON. */
  canonicalBody?: Uint8Array;
  /** A multipart body with the one boundary: what is sent when the grant compared that. */
  canonicalForm?: { bytes: Uint8Array; contentType: string };
  /** Why a body that is JSON by its content type has no JSON reading: no grant that compares JSON can cover it. */
  notJson?: string;
}

/**
 * Completes a description with the body, once it was read whole. `tooLarge`: it is over the buffering limit and was not.
 * @throws ProblemError BodyInvalid, RequestMalformed, RequestAmbiguous or HeaderRefused
 */
export function describeBody(
  description: ActionDescription,
  body: Uint8Array | 'none' | 'tooLarge',
): DescribedCall {
  const bytes = typeof body === 'string' ? new Uint8Array() : body;
  if (body !== 'tooLarge') checkLength(description.body, bytes.length);
  if (body !== 'tooLarge' && bytes.length === 0) return withBody(description, { kind: 'none' });

  checkBodyAllowed(description);
  if (body === 'tooLarge') return withBody(description, { kind: 'unread' });
  const { multipart } = description;
  const reading: Reading =
    multipart === undefined ? readJson(description.json, bytes) : readMultipart(multipart, bytes);
  const canonical = reading.canonicalBody ?? reading.canonicalForm?.bytes;
  const facts: ActionBody = {
    kind: 'bytes',
    sha256: sha256Hex(bytes),
    ...(canonical === undefined ? {} : { jsonSha256: sha256Hex(canonical) }),
  };
  return { ...withBody(description, facts), ...reading };
}

function withBody(description: ActionDescription, body: ActionBody): DescribedCall {
  return { action: { ...description.action, body } };
}

/** An aborted request looks like a shorter one. */
function checkLength(expected: BodyExpectation, length: number): void {
  const wrong =
    (expected.kind === 'none' && length > 0) ||
    (expected.kind === 'length' && length !== expected.bytes);
  if (!wrong) return;
  throw new ProblemError('RequestMalformed', 'The body is not as long as the head says.', {
    field: 'body',
  });
}

function checkBodyAllowed(description: ActionDescription): void {
  const { method } = description.upstream;
  if (method === 'GET' || method === 'HEAD') {
    throw new ProblemError('BodyInvalid', `A ${method} request must have no body.`, {
      field: 'body',
    });
  }
  callType(description).checkBody(description);
}

/** The canonical bytes, or why there are none; neither if nobody would ask. */
type Reading = Omit<DescribedCall, 'action'>;

function readMultipart(type: MediaType, bytes: Uint8Array): Reading {
  const boundary = type.parameters.get('boundary');
  const form = boundary === undefined ? undefined : canonicalMultipart(bytes, boundary);
  if (form === undefined) return {};
  const contentType = formatContentType(type, new Map([['boundary', form.boundary]]));
  return { canonicalForm: { bytes: form.bytes, contentType } };
}

function readJson(json: JsonReading, bytes: Uint8Array): Reading {
  if (json === 'no') return {};
  let value: JsonValue;
  try {
    value = parseStrictJsonBytes(bytes);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return json === 'json' ? { notJson: error.message } : {};
  }
  const text = canonicalJson(value);
  if (json === 'yaml' && !meansTheSameInYaml(text)) return {};
  return { canonicalBody: new TextEncoder().encode(text) };
}

/**
 * Canonical JSON has no white space outside strings, so YAML 1.1 reads it alike, but for a few characters in strings that it
 * takes for line breaks or refuses, and the merge key.
 */
function meansTheSameInYaml(text: string): boolean {
  return !/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]|"<<":/u.test(text);
}
