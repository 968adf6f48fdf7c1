/** Guards that promises of SECURITY.md rest on beside the transaction, the packet filter and the policies, and how to take each out. */

import { type Guard, mutationsOf } from './guard.ts';
import type { Mutation } from './run-mutations.ts';

const GUARDS: readonly Guard[] = [
  {
    promise: 'P3',
    guard: 'a sidecar cannot have a revocation confirmed with',
    file: 'test/unit/controller/credentials/minted-token.test.ts',
    changes: [
      {
        file: 'controller/credentials/minted-token.ts',
        from: 'await jwtVerify<KubernetesClaims>(text, resolve, {',
        to: 'await (async (jwt: string, ..._: unknown[]) => ({ payload: JSON.parse(String(Buffer.from(jwt.split(".")[1] ?? "", "base64url"))) }))(text, resolve, {',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'the real one in another text',
    file: 'test/unit/controller/credentials/minted-token.test.ts',
    changes: [
      {
        file: 'controller/credentials/minted-token.ts',
        from: ' || !isCanonical(text)',
        to: ' || isCanonical(text) === undefined',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'with an unsigned token that has the right ID',
    file: 'test/unit/controller/credentials/confirm.test.ts',
    changes: [
      {
        file: 'controller/credentials/confirm.ts',
        from: '(reported !== undefined && (await isTokenOf(options, grant, use, reported))',
        to: '(reported !== undefined',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'another text of the token',
    file: 'test/unit/controller/credentials/confirm.test.ts',
    changes: [
      {
        file: 'controller/credentials/token-rejection.ts',
        from: ' || (isReported && hasAnotherText(token));',
        to: ' || (isReported && hasAnotherText(token) === undefined);',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'the end of a use is reported when the service has answered',
    file: 'test/unit/sidecar/answers/end-of-use.test.ts',
    changes: [
      {
        file: 'sidecar/handle-call.ts',
        from: `        answeredWith(status);
        reportEnd(outcome, responseCode);`,
        to: '        answeredWith(status);',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'what else waits goes on in between',
    file: 'test/unit/sidecar/turns.test.ts',
    changes: [
      {
        file: 'sidecar/turns.ts',
        from: 'if (this.#waiting.length === 0 && this.#used < MILLISECONDS) take();',
        to: 'if (this.#waiting.length === 0) take();',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'two names at a time',
    file: 'test/unit/sidecar/forward/resolve.test.ts',
    changes: [
      {
        file: 'sidecar/forward/resolve.ts',
        from: 'const LOOKUPS_AT_ONCE = 2;',
        to: 'const LOOKUPS_AT_ONCE = 4;',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'no flood of them holds up the end of a use',
    file: 'test/unit/controller/exchange/routes.test.ts',
    changes: [
      {
        file: 'controller/exchange/routes.ts',
        from: 'if (!finishHandler.mayEndOpenUse(caller, nonce, report)) endLimiter.take(caller.podUID);',
        to: 'callLimiter.take(caller.podUID);\n    endLimiter.take(caller.podUID);',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'the end of a use is heard at once',
    file: 'test/unit/sidecar/exchange/client.test.ts',
    changes: [
      {
        file: 'sidecar/exchange/client.ts',
        from: 'dispatchers[lane]',
        to: 'dispatchers.ends',
      },
    ],
  },
  {
    promise: 'P3',
    guard: 'that is repeated while the first one is worked on costs no further write',
    file: 'test/unit/controller/use/finish.test.ts',
    changes: [{ file: 'controller/use/finish.ts', from: 'underWay.set(key, work);', to: '' }],
  },
  {
    promise: 'P4',
    guard: 'is not put off by a wall clock that is set back',
    file: 'test/unit/sidecar/forward/cutoff.test.ts',
    changes: [
      {
        file: 'sidecar/forward/cutoff.ts',
        from: '      this.#deadline - this.#clock.monotonic(),\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P4',
    guard: 'comes by the wall clock',
    file: 'test/unit/sidecar/forward/cutoff.test.ts',
    changes: [
      {
        file: 'sidecar/forward/cutoff.ts',
        from: '      this.#wallDeadline - this.#clock.now(),\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P4',
    guard: 'passes nothing past the deadline',
    file: 'test/unit/sidecar/forward/upload.test.ts',
    changes: [
      {
        file: 'sidecar/forward/upload.ts',
        from: 'if (code === undefined) done(null, chunk);',
        to: "if (code !== 'CallAborted') done(null, chunk);",
      },
    ],
  },
  {
    promise: 'P4',
    guard: 'has a deadline that is counted from before it was asked for',
    file: 'test/unit/sidecar/authorize.test.ts',
    changes: [
      {
        file: 'sidecar/authorize.ts',
        from: 'deadline: sentAt + answer.timeoutMilliseconds,',
        to: 'deadline: clock.monotonic() + answer.timeoutMilliseconds,',
      },
    ],
  },
  {
    promise: 'P5',
    guard: 'that the API server turns out to accept',
    file: 'test/unit/controller/credentials/mint.test.ts',
    changes: [
      {
        file: 'controller/credentials/mint.ts',
        from: 'else if (!(await apiServerAudiences.refuses(audience, token, timeoutMilliseconds))) {',
        to: 'else if (timeoutMilliseconds < 0) {',
      },
    ],
  },
  {
    promise: 'P5',
    guard: 'that admission would refuse now',
    file: 'test/unit/controller/credentials/mint.test.ts',
    changes: [
      {
        file: 'controller/credentials/mint.ts',
        from: 'if (fault !== undefined) throw refused(fault);',
        to: '',
      },
    ],
  },
  {
    promise: 'P5',
    guard: "an audience is known to be the API server's",
    file: 'test/unit/controller/credentials/api-audiences.test.ts',
    changes: [
      {
        file: 'controller/credentials/api-audiences.ts',
        from: "learn([configuration['issuer']]);",
        to: '',
      },
    ],
  },
  {
    promise: 'P5',
    guard: 'no token in clear text',
    file: 'test/unit/sidecar/forward/forward.test.ts',
    changes: [
      {
        file: 'sidecar/forward/forward.ts',
        from: "if (request.scheme !== 'https') throw cleartext();",
        to: '',
      },
    ],
  },
  {
    promise: 'P9',
    guard: 'belong to the action when they could have an effect',
    file: 'test/unit/sidecar/describe/headers.test.ts',
    changes: [
      {
        file: 'sidecar/describe/headers.ts',
        from: '      significant.push([name, value]);\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P9',
    guard: 'are left out when they are inert and too many',
    file: 'test/unit/sidecar/describe/headers.test.ts',
    changes: [
      {
        file: 'sidecar/describe/headers.ts',
        from: 'inert: withinBounds(inert),',
        to: 'inert,',
      },
    ],
  },
  {
    promise: 'P9',
    guard: 'are left out when they are inert and not as their clients send them',
    file: 'test/unit/sidecar/describe/headers.test.ts',
    changes: [
      {
        file: 'core/action/inert-headers.ts',
        from: 'if (!isRepeated && value.length <= limit && format.test(value)) return [name, value];',
        to: 'if (!isRepeated) return [name, value];',
      },
    ],
  },
  {
    promise: 'P9',
    guard: 'no free text goes with a credential',
    file: 'test/unit/sidecar/describe/client-heads.test.ts',
    changes: [
      {
        file: 'sidecar/forward/request-headers.ts',
        from: '    FREE_TEXT_HEADERS.has(name) ||\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P10',
    guard: 'the canonical one for a grant that states JSON',
    file: 'test/unit/sidecar/upstream-request.test.ts',
    changes: [
      {
        file: 'sidecar/upstream-request.ts',
        from: '    return canonical;\n',
        to: "    return body.kind === 'whole' ? body.bytes : canonical;\n",
      },
    ],
  },
  {
    promise: 'P10',
    guard: 'is never one that was not compared',
    file: 'test/unit/sidecar/upstream-request.test.ts',
    changes: [
      {
        file: 'sidecar/upstream-request.ts',
        from: "if (form === 'JSON') {",
        to: "if (form === 'JSON' && canonicalBody !== undefined) {",
      },
    ],
  },
  {
    promise: 'P10',
    guard: 'has no JSON reading',
    file: 'test/unit/sidecar/describe/corpus.test.ts',
    changes: [
      {
        file: 'core/text/json.ts',
        from: 'if (key in members) {',
        to: 'if (key in members && depth < 0) {',
      },
    ],
  },
  {
    promise: 'P10',
    guard: 'path-confusion: ',
    file: 'test/unit/sidecar/describe/corpus.test.ts',
    changes: [
      {
        file: 'core/text/url.ts',
        from: '  checkReadings(path, field);\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P11',
    guard: 'in the body, at once',
    file: 'test/unit/sidecar/forward/echoed-credential.test.ts',
    changes: [
      {
        file: 'sidecar/forward/round-trip.ts',
        from: 'const safe = this.#scanner.push(chunk);',
        to: 'const safe: Buffer | null = chunk;',
      },
    ],
  },
  {
    promise: 'P11',
    guard: ': the answer is refused',
    file: 'test/unit/sidecar/forward/echoed-credential.test.ts',
    changes: [
      {
        file: 'sidecar/forward/guard-response.ts',
        from: '  if (repeatSecret(headers, secrets)) throw credentialEchoed();\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P11',
    guard: 'in trailers: the answer fails',
    file: 'test/unit/sidecar/forward/echoed-credential.test.ts',
    changes: [
      {
        file: 'sidecar/forward/round-trip.ts',
        from: 'repeatSecret(headerPairs(controller.rawTrailers), this.#options.secrets)',
        to: 'false',
      },
    ],
  },
  {
    promise: 'P11',
    guard: 'is cut where it decodes to a live token',
    file: 'test/unit/sidecar/forward/encoded-body.test.ts',
    changes: [
      {
        file: 'sidecar/forward/round-trip.ts',
        from: 'body: isDecoded ? new EncodedBody(body, coding, this.#options) : body,',
        to: 'body,',
      },
    ],
  },
  {
    promise: 'P11',
    guard: 'passes only while no credential is live',
    file: 'test/unit/sidecar/forward/encoded-body.test.ts',
    changes: [
      {
        file: 'sidecar/forward/round-trip.ts',
        from: 'if (this.#isOpaque && secrets.size > 0)',
        to: 'if (this.#isOpaque && secrets.size < 0)',
      },
    ],
  },
  {
    promise: 'P11',
    guard: 'refuses an encoded response',
    file: 'test/unit/sidecar/forward/guard-response.test.ts',
    changes: [
      {
        file: 'sidecar/forward/round-trip.ts',
        from: "if (coding === 'opaque' && credentialed && this.#hasBody(status)) throw unreadable(true);",
        to: '',
      },
    ],
  },
  {
    promise: 'P11',
    guard: 'loses ',
    file: 'test/unit/sidecar/forward/guard-response.test.ts',
    changes: [
      {
        file: 'sidecar/forward/guard-response.ts',
        from: '(!credentialed || mayReachAgent(name, value))',
        to: 'true',
      },
    ],
  },
  {
    promise: 'P11',
    guard: 'does not come with API discovery',
    file: 'test/unit/sidecar/handle-call.test.ts',
    changes: [
      {
        file: 'sidecar/answer-discovery.ts',
        from: '  if (!isClean(secrets, [text])) throw credentialEchoed();\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P11',
    guard: 'is kept out of answers',
    file: 'test/unit/sidecar/handle-call.test.ts',
    changes: [
      {
        file: 'sidecar/forget-secret.ts',
        from: 'left + ACCEPTED_AFTER_MILLISECONDS',
        to: 'left',
      },
    ],
  },
  {
    promise: 'P12',
    guard: 'is refused: ',
    file: 'test/unit/sidecar/describe/kubernetes-forbidden.test.ts',
    changes: [
      {
        file: 'sidecar/describe/kubernetes-call.ts',
        from: '    checkForbidden(attributes, method);\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P13',
    guard: 'also names the API server',
    file: 'test/unit/sidecar/forward/connect.test.ts',
    changes: [
      {
        file: 'sidecar/forward/connect.ts',
        from: 'if (identity.refusedNames.length === 0) return null;',
        to: 'if (identity.refusedNames.length >= 0) return null;',
      },
    ],
  },
  {
    promise: 'P13',
    guard: 'turns out to be the API server',
    file: 'test/unit/sidecar/handle-call.test.ts',
    changes: [
      {
        file: 'sidecar/describe/http-call.ts',
        from: 'guard: () => NOT_THE_API_SERVER,',
        to: 'guard: () => ({}),',
      },
    ],
  },
  {
    promise: 'P14',
    guard: 'for everybody to read and nobody to write',
    file: 'test/unit/sidecar/files/agent-files.test.ts',
    changes: [
      {
        file: 'sidecar/files/agent-files.ts',
        from: 'content, 0o444)',
        to: 'content, 0o666)',
      },
    ],
  },
  {
    promise: 'P14',
    guard: 'hold no secret',
    file: 'test/unit/sidecar/files/agent-files.test.ts',
    changes: [
      {
        file: 'sidecar/files/agent-files.ts',
        from: 'token: NO_TOKEN,',
        to: 'token: caCertificate,',
      },
    ],
  },
  {
    promise: 'P17',
    guard: 'are as many at a time as they may be',
    file: 'test/unit/process/spaced-reads.test.ts',
    changes: [
      {
        file: 'process/spaced-reads.ts',
        from: 'const release = await permits.acquire();',
        to: 'const release = () => {};',
      },
    ],
  },
  {
    promise: 'P17',
    guard: 'reports of uses that nobody knows',
    file: 'test/unit/controller/use/find-use.test.ts',
    changes: [
      {
        file: 'controller/use/find-use.ts',
        from: 'return reads.read(',
        to: 'return ((_key, named) => readLive(named))(',
      },
    ],
  },
  {
    promise: 'P17',
    guard: 'and not waited for longer than the call may wait',
    file: 'test/unit/sidecar/authorize.test.ts',
    changes: [
      {
        file: 'sidecar/authorize.ts',
        from: 'await within(clock, remaining, givenBack, () => false)',
        to: 'await givenBack',
      },
    ],
  },
  {
    promise: 'P17',
    guard: 'is limited for ',
    file: 'test/unit/controller/exchange/routes.test.ts',
    changes: [
      {
        file: 'controller/exchange/routes.ts',
        from: '    callLimiter.take(caller.podUID);\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P17',
    guard: 'by few questions to the API server',
    file: 'test/unit/controller/caches/caches.test.ts',
    changes: [
      {
        file: 'controller/caches/caches.ts',
        from: 'return missing.read(',
        to: 'return ((..._: unknown[]) => client.get(pods, { namespace, name }).then(keepPod, () => undefined))(',
      },
    ],
  },
  {
    promise: 'P18',
    guard: 'a grant that hides something from whoever decides is refused',
    file: 'test/unit/controller/admission/grants/grant-rules.test.ts',
    changes: [
      {
        file: 'controller/admission/grants/grant-rules.ts',
        from: '  everyTextIsVisible,\n',
        to: '',
      },
    ],
  },
  {
    promise: 'P18',
    guard: 'a message that quotes others is one line',
    file: 'test/unit/controller/grants/conditions.test.ts',
    changes: [
      { file: 'controller/grants/conditions.ts', from: 'escapeHidden(message)', to: 'message' },
    ],
  },
  {
    promise: 'P18',
    guard: 'a line has no character that a terminal acts on',
    file: 'test/unit/process/log.test.ts',
    changes: [
      { file: 'process/log.ts', from: '${escapeHidden(serialized(', to: '${String(serialized(' },
    ],
  },
  {
    promise: 'P18',
    guard: 'the JSON of a body is one line',
    file: 'test/unit/core/action/manifest.test.ts',
    changes: [
      { file: 'core/action/manifest.ts', from: ': escapeHidden(bodyJson);', to: ': bodyJson;' },
    ],
  },
  {
    promise: 'P18',
    guard: 'a grant with a secret in clear is refused',
    file: 'test/unit/controller/admission/grants/grant-rules.test.ts',
    changes: [
      {
        file: 'controller/admission/grants/grant-rules.ts',
        from: '  secretsAreDigests,\n',
        to: '',
      },
    ],
  },
];

export function promiseMutations(): Mutation[] {
  return mutationsOf(GUARDS);
}
