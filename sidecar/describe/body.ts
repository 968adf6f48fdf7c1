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
import { sha256Hex } from '../../core/text/sha256.ts';
import { type ActionDescription, callType } from './call-types.ts';
import type { BodyExpectation, JsonReading } from './description.ts';

export interface DescribedCall {
  action: Action;
  /** RFC 8785 bytes, if the body has a JSON reading: what is sent when the grant compared JSON. */
  canonicalBody?: Uint8Array;
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
  const reading = readJson(description.json, bytes);
  const { canonicalBody } = reading;
  const facts: ActionBody = {
    kind: 'bytes',
    sha256: sha256Hex(bytes),
    ...(canonicalBody === undefined ? {} : { jsonSha256: sha256Hex(canonicalBody) }),
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

/** The RFC 8785 text, or why there is none; neither if nobody would ask. */
interface Reading {
  canonicalBody?: Uint8Array;
  notJson?: string;
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
