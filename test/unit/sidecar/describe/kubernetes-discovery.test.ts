import { describe, expect, it } from 'vitest';
import { aKubernetesHead, CONTEXT, describeHead, kubernetes } from './heads.ts';
import { refusal } from './problem.ts';

const SOC = '/api/v1/namespaces/soc';

describe('a call to the API server', () => {
  it.each<[string, string, string]>([
    ['GET', '/api', '/api'],
    ['GET', '/api/v1?timeout=32s', '/api/v1?timeout=32s'],
    ['HEAD', '/apis/apps/v1', '/apis/apps/v1'],
    ['GET', '/openapi/v3/apis/apps/v1?hash=AB', '/openapi/v3/apis/apps/v1?hash=AB'],
    ['GET', '/version', '/version'],
  ])('is discovery: %s %s', (method, target, sent) => {
    const described = describeHead(aKubernetesHead(method, target), CONTEXT);
    expect(described).toMatchObject({ kind: 'discovery', upstream: { path: sent } });
  });

  it.each(['if-none-match', 'if-modified-since'])(
    'is discovery also with the %s of a client that has it in its cache, and only then',
    (name) => {
      const describeWith = (target: string) =>
        describeHead(aKubernetesHead('GET', target, { [name]: 'x' }), CONTEXT);
      const described = describeWith('/openapi/v3');
      expect(described.kind).toBe('discovery');
      expect(described.upstream.headers.map(([sent]) => sent)).not.toContain(name);
      const object = refusal(() => describeWith(`${SOC}/pods/web-0`));
      expect(object).toMatchObject({ code: 'HeaderRefused', field: name });
    },
  );

  it.each<[string, string, object]>([
    ['POST', '/api', { code: 'MethodRefused' }],
    ['GET', '/api?command=x', { code: 'KubernetesRequestRefused', field: 'command' }],
  ])('is refused: %s %s (%j)', (method, target, expected) => {
    expect(refusal(() => kubernetes(method, target))).toMatchObject(expected);
  });
});
