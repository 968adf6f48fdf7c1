import { expect, it } from 'vitest';
import { API_SERVER_NAMES } from '../../../../core/api/names.ts';
import { callType, callTypeFor } from '../../../../sidecar/describe/call-types.ts';
import { readHeaders } from '../../../../sidecar/describe/headers.ts';
import { HTTP_CALL } from '../../../../sidecar/describe/http-call.ts';
import { KUBERNETES_CALL } from '../../../../sidecar/describe/kubernetes-call.ts';
import type { Target } from '../../../../sidecar/describe/target.ts';
import { aHead, CONTEXT, describeHead, kubernetes } from './heads.ts';

const headers = readHeaders(aHead(), CONTEXT.inertHeaders);
const target = (isApiServer: boolean): Target => ({
  scheme: 'https',
  host: 'a.example',
  port: 443,
  path: '/',
  query: '',
  kubernetes: isApiServer,
});

it('a call to the API server is of type Kubernetes, under whatever name, and every other of type HTTP', () => {
  expect(callTypeFor(target(true), headers)).toBe(KUBERNETES_CALL);
  expect(callTypeFor(target(false), headers)).toBe(HTTP_CALL);
});

it('what was described has the entry of its type', () => {
  const http = describeHead(aHead(), CONTEXT);
  if (http.kind === 'discovery') throw new Error(http.kind);
  expect(callType(http)).toBe(HTTP_CALL);
  expect(callType(kubernetes('GET', '/api/v1/nodes'))).toBe(KUBERNETES_CALL);
});

it('an HTTP call must not end at the API server, and a Kubernetes call at nothing else', () => {
  expect(HTTP_CALL.guard({ ca: 'x' })).toEqual({ refuseCertificateNames: API_SERVER_NAMES });
  expect(KUBERNETES_CALL.guard({ ca: 'x' })).toEqual({
    kubernetes: { ca: 'x', serverName: 'kubernetes.default.svc' },
  });
});
