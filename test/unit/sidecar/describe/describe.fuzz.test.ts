/** Properties that hold for every request, looked for with random ones. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeInert } from '../../../../core/action/inert-headers.ts';
import { ProblemError } from '../../../../core/api/problem.ts';
import { describeBody } from '../../../../sidecar/describe/body.ts';
import type { HeadDescription } from '../../../../sidecar/describe/describe.ts';
import type { Destination, RequestHead } from '../../../../sidecar/describe/request-head.ts';
import { aHead, aKubernetesHead, CONTEXT, describeHead } from './heads.ts';
import { type RequestInfo, requestInfo } from './request-info-oracle.ts';

/** Many runs on a busy machine. */
const PATIENTLY = { timeout: 60_000 };

/** Null: refused, and with a ProblemError; any other error is a bug. */
function describeOrRefuse(head: RequestHead): HeadDescription | null {
  try {
    return describeHead(head, CONTEXT);
  } catch (error) {
    if (error instanceof ProblemError && error.code !== 'Internal') return null;
    throw error;
  }
}

const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const resource = label.filter(
  (text) => !['namespaces', 'watch', 'proxy', 'status', 'finalize'].includes(text),
);
const objectName = fc
  .stringMatching(/^[a-zA-Z0-9:._@=,+!$&'()*~-]{1,20}$/)
  .filter((n) => !/^\.{1,2}$/.test(n));
const subresource = label.filter(
  (text) => !['attach', 'exec', 'portforward', 'proxy', 'token'].includes(text),
);

interface Model {
  method: string;
  contentType: string | null;
  info: RequestInfo;
  parameters: Record<string, string>;
}

const METHODS: Record<string, [method: string, contentType: string | null]> = {
  get: ['GET', null],
  list: ['GET', null],
  watch: ['GET', null],
  create: ['POST', 'application/json'],
  update: ['PUT', 'application/json'],
  patch: ['PATCH', 'application/merge-patch+json'],
  apply: ['PATCH', 'application/apply-patch+yaml'],
  delete: ['DELETE', null],
  deletecollection: ['DELETE', null],
};

const parameters = fc.dictionary(
  fc
    .stringMatching(/^[A-Za-z][A-Za-z0-9]{0,10}$/)
    .filter((n) => !['watch', 'fieldSelector'].includes(n)),
  fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/\p{Cc}/u.test(text)),
  { maxKeys: 4, noNullPrototype: true },
);

const model: fc.Arbitrary<Model> = fc
  .record({
    verb: fc.constantFrom(...Object.keys(METHODS)),
    apiGroup: fc.oneof(fc.constant(''), label, fc.constant('rbac.authorization.k8s.io')),
    version: fc.constantFrom('v1', 'v1beta1', 'v2'),
    namespace: fc.oneof(fc.constant(''), label),
    resource,
    name: objectName,
    subresource: fc.oneof(fc.constant(''), subresource),
    parameters,
  })
  .map(({ parameters, ...given }) => {
    const [method, contentType] = METHODS[given.verb] ?? ['', null];
    const named = !['list', 'watch', 'deletecollection', 'create'].includes(given.verb);
    const info = {
      ...given,
      name: named ? given.name : '',
      subresource: named ? given.subresource : '',
    };
    return { method, contentType, info, parameters };
  });

/** The request as client-go would write it. */
function urlOf({ info, parameters }: Model): string {
  const root = info.apiGroup === '' ? '/api' : `/apis/${info.apiGroup}`;
  const scope = info.namespace === '' ? '' : `/namespaces/${info.namespace}`;
  const object = [info.resource, info.name, info.subresource].filter((part) => part !== '');
  const query = new URLSearchParams(
    info.verb === 'watch' ? { watch: 'true', ...parameters } : parameters,
  );
  return `${root}/${info.version}${scope}/${object.join('/')}${query.size === 0 ? '' : `?${query}`}`;
}

const headersOf = ({ contentType }: Model): Record<string, string> =>
  contentType === null ? {} : { 'content-type': contentType };

describe('a Kubernetes request built from attributes', () => {
  it('is described by the same attributes and parameters', PATIENTLY, () => {
    fc.assert(
      fc.property(model, (given) => {
        const described = describeHead(
          aKubernetesHead(given.method, urlOf(given), headersOf(given)),
          CONTEXT,
        );
        if (described.kind !== 'kubernetes') throw new Error(described.kind);
        const { type, patchType, queryParameters, ...info } = described.action;
        expect(info).toEqual(given.info);
        expect(queryParameters).toEqual(given.parameters);
        expect(patchType).toBe(given.info.verb === 'patch' ? 'Merge' : undefined);
      }),
      { numRuns: 2_000 },
    );
  });

  it('describes the request that is sent for it the same again', PATIENTLY, () => {
    fc.assert(
      fc.property(model, (given) => {
        const first = describeHead(
          aKubernetesHead(given.method, urlOf(given), headersOf(given)),
          CONTEXT,
        );
        if (first.kind !== 'kubernetes') throw new Error(first.kind);
        const headers = Object.fromEntries(first.upstream.headers);
        const second = describeHead(
          aKubernetesHead(first.upstream.method, first.upstream.path, headers),
          CONTEXT,
        );
        expect(second).toEqual(first);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** One of the edits that make one path look like another. */
const mutation = fc.record({
  at: fc.nat(),
  remove: fc.nat({ max: 3 }),
  insert: fc.oneof(
    fc.constantFrom(
      '/',
      '//',
      '/.',
      '/..',
      '/../',
      '.',
      '..',
      '%2e',
      '%2F',
      '%5c',
      '\\',
      ';',
      ';x',
      '#',
      '?',
      '&',
      '=',
      '%',
      '%00',
      '%25',
      'watch',
      'watch/',
      '?watch',
      '?watch=1',
      '&watch=true',
      '&watch=false',
      '/proxy',
      'proxy/',
      '/status',
      '/finalize',
      '/namespaces/',
      'namespaces',
      '/exec',
      '/log',
      '?fieldSelector=metadata.name=x',
      '&fieldSelector=metadata.name%3Dx',
      '%20',
      '%41',
      '%6e',
      'A',
      ':',
      '@',
      'http://x',
      '+',
      '\u00e9',
      '\u0000',
      '\t',
    ),
    fc.string({ maxLength: 3 }),
  ),
});

function mutate(target: string, edits: { at: number; remove: number; insert: string }[]): string {
  return edits.reduce((text, { at, remove, insert }) => {
    const position = at % (text.length + 1);
    return text.slice(0, position) + insert + text.slice(position + remove);
  }, target);
}

describe('a Kubernetes request that was tampered with', () => {
  it('is refused, or sent as what it is described as', PATIENTLY, () => {
    let accepted = 0;
    fc.assert(
      fc.property(model, fc.array(mutation, { minLength: 1, maxLength: 3 }), (given, edits) => {
        const target = mutate(urlOf(given), edits);
        const described = describeOrRefuse(aKubernetesHead(given.method, target, headersOf(given)));
        if (described === null || described.kind === 'http') return;
        const came = requestInfo(given.method, target);
        const sent = requestInfo(described.upstream.method, described.upstream.path);
        if (described.kind === 'discovery') {
          expect([came, sent]).toEqual([null, null]);
          return;
        }
        accepted++;
        const { type, patchType, queryParameters, ...info } = described.action;
        const attributes = { ...info, verb: info.verb === 'apply' ? 'patch' : info.verb };
        expect(sent).toEqual(attributes);
        // The watch prefix is sent as a query, which gives a name by selector.
        if (!/^\/apis?\/.*\/watch\//.test(target)) expect(came).toEqual(attributes);
      }),
      { numRuns: 5_000 },
    );
    expect(accepted).toBeGreaterThan(200);
  });

  it('is never granted what no grant may permit', PATIENTLY, () => {
    const word = fc.constantFrom(
      'api',
      'apis',
      'v1',
      'watch',
      'proxy',
      'namespaces',
      'soc',
      'pods',
      'serviceaccounts',
      'edr',
      'token',
      'attach',
      'portforward',
      'exec',
      'actiongrant.dev',
      'x.actiongrant.dev',
      '%70roxy',
      'tok%65n',
      'actiongrant%2edev',
      '',
      '.',
    );
    const path = fc.array(word, { maxLength: 9 }).map((words) => `/${words.join('/')}`);
    fc.assert(
      fc.property(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'), path, (method, target) => {
        const described = describeOrRefuse(aKubernetesHead(method, target));
        if (described?.kind !== 'kubernetes') return;
        const { apiGroup, resource: of, subresource: part } = described.action;
        expect(apiGroup.endsWith('actiongrant.dev')).toBe(false);
        expect(['attach', 'portforward', 'proxy', 'exec']).not.toContain(part);
        expect(`${of}/${part}`).not.toBe('serviceaccounts/token');
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('an HTTP request', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '/',
      '/..',
      '/.',
      '//',
      '?',
      '#',
      '\\',
      '%2e',
      '%2F',
      '%41',
      '%zz',
      ';',
      '..;',
      '&a=b',
      '=',
      '+',
      '%0d',
      ' ',
    ),
    fc.stringMatching(/^[a-z0-9]{1,4}$/),
    fc.string({ maxLength: 2 }),
  );
  const target = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`);

  it('has in its action exactly the bytes of its target, and sends them', PATIENTLY, () => {
    let accepted = 0;
    fc.assert(
      fc.property(target, (given) => {
        const described = describeOrRefuse(aHead({ target: given }));
        if (described === null) return;
        if (described.kind !== 'http') throw new Error(described.kind);
        accepted++;
        expect(described.action.url).toBe(`https://edr.example.com${given}`);
        expect(described.upstream.path).toBe(given);
        // What another reader makes of the URL is the same again: nothing is left to resolve or to decode.
        const other = new URL(described.action.url);
        expect(other.pathname + given.slice(other.pathname.length)).toBe(given);
        expect(other.host).toBe('edr.example.com');
      }),
      { numRuns: 5_000 },
    );
    expect(accepted).toBeGreaterThan(200);
  });

  it('goes to the one host that everything names, or nowhere', PATIENTLY, () => {
    const host = fc.constantFrom(
      'edr.example.com',
      'EDR.example.com',
      'edr.example.com:443',
      'edr.example.com:8443',
      'evil.example',
      'edr.example.com.',
      '',
      'edr.example.com@evil.example',
      '127.0.0.1',
      '0x7f.1',
      'kubernetes.default.svc',
      'kubernetes.default.svc:443',
      'kubernetes.default.svc.',
    );
    const sni = fc.oneof(fc.constant<false>(false), host);
    fc.assert(
      fc.property(
        host,
        sni,
        fc.array(host, { maxLength: 2 }),
        fc.option(host, { nil: undefined }),
        (connect, name, hosts, authority) => {
          const described = describeOrRefuse({
            ...aHead({ connectAuthority: `${connect}:443`, sni: name }),
            httpVersion: authority === undefined ? '1.1' : '2',
            ...(authority === undefined ? {} : { authority }),
            target: '/api/v1/pods',
            rawHeaders: hosts.flatMap((text) => ['Host', text]),
          });
          if (described === null) return;
          const named = [
            connect,
            ...(name === false ? [] : [name]),
            ...hosts,
            ...(authority === undefined ? [] : [authority]),
          ];
          const names = new Set(
            named.map((text) => text.toLowerCase().replace(/:443$/, '').replace(/\.$/, '')),
          );
          expect([...names]).toEqual([described.upstream.host]);
          expect(described.kind === 'kubernetes').toBe(names.has('kubernetes.default.svc'));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it(
    'keeps every header: in the action, sent along as inert, or stripped as a credential',
    PATIENTLY,
    () => {
      const name = fc.constantFrom(
        'Accept',
        'User-Agent',
        'X-Dry-Run',
        'If-Match',
        'Range',
        'Authorization',
        'Cookie',
        'Proxy-Authorization',
        'X_A',
        '__proto__',
        'X-HTTP-Method-Override',
        'constructor',
        'Idempotency-Key',
      );
      const value = fc.stringMatching(/^[!-~]{1,10}$/);
      fc.assert(
        fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([n]) => n }), (headers) => {
          const described = describeHead(
            aHead({ rawHeaders: ['Host', 'edr.example.com', ...headers.flat()] }),
            CONTEXT,
          );
          if (described.kind !== 'http') throw new Error(described.kind);
          const sent = new Map(described.upstream.headers);
          const significant = new Map(Object.entries(described.action.headers));
          for (const [given, text] of headers) {
            const key = given.toLowerCase();
            const credential = ['authorization', 'cookie', 'proxy-authorization'].includes(key);
            const inert = ['accept', 'user-agent', 'idempotency-key'].includes(key);
            const judged = inert ? judgeInert(key, text) : 'Drop';
            expect(sent.get(key)).toBe(
              credential ? undefined : inert ? (judged === 'Drop' ? undefined : judged[1]) : text,
            );
            expect(significant.get(key)).toBe(credential || inert ? undefined : text);
          }
        }),
        { numRuns: 2_000 },
      );
    },
  );

  it('has a JSON body that is sent as what was compared', PATIENTLY, () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        const body = Buffer.from(text);
        const head = describeHead(
          aHead({
            method: 'POST',
            headers: { 'Content-Type': 'application/json', 'Content-Length': String(body.length) },
          }),
          CONTEXT,
        );
        if (head.kind !== 'http') throw new Error(head.kind);
        const { canonicalBody: sent, notJson } = describeBody(head, body);
        expect(sent === undefined).toBe(notJson !== undefined);
        if (sent === undefined) return;
        expect(JSON.parse(Buffer.from(sent).toString())).toEqual(JSON.parse(text));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a redirected call, whatever it says of itself,', () => {
  const SUFFIXES = CONTEXT.searchDomains.map((domain) => `.${domain}`);
  const name = fc.oneof(
    fc.constantFrom(
      'edr',
      'edr.example.com',
      'evil.example',
      'kubernetes.default.svc',
      '203.0.113.7',
    ),
    fc.tuple(label, fc.constantFrom('', ...SUFFIXES)).map((parts) => parts.join('')),
    fc.string({ maxLength: 12 }),
  );
  const port = fc.constantFrom(80, 443, 6443, 8080);
  const destination: fc.Arbitrary<Destination> = fc.oneof(
    fc.record({ name, port }),
    fc.record({
      address: fc.constantFrom('203.0.113.7', '127.0.0.1', 'fd00::1', '198.18.0.1'),
      port,
      synthetic: fc.boolean(),
    }),
  );
  /** Likely to be what was looked up, or its short form, now and then. */
  const said = (looked: string) =>
    fc.oneof(
      fc.constant(looked),
      fc.constant(SUFFIXES.reduce((rest, suffix) => rest.replace(suffix, ''), looked)),
      name,
    );

  it('goes where it was going, under that name, or is refused', PATIENTLY, () => {
    let accepted = 0;
    const call = destination.chain((to) => {
      const looked = 'name' in to ? to.name : to.address;
      const withPort = fc
        .tuple(said(looked), fc.constantFrom('', `:${to.port}`, ':80'))
        .map((parts) => parts.join(''));
      return fc.record({
        to: fc.constant(to),
        scheme: fc.constantFrom('http' as const, 'https' as const),
        httpVersion: fc.constantFrom('1.1' as const, '2' as const),
        sni: fc.oneof(fc.constant(false as const), said(looked)),
        host: fc.option(withPort, { nil: null }),
        authority: fc.option(withPort, { nil: null }),
      });
    });
    fc.assert(
      fc.property(call, ({ to, scheme, httpVersion, sni, host, authority }) => {
        const described = describeOrRefuse({
          via: 'transparent',
          destination: to,
          httpVersion,
          scheme,
          method: 'GET',
          target: '/api/v1/namespaces/soc/pods/web',
          rawHeaders: host === null ? [] : ['Host', host],
          ...(scheme === 'https' ? { sni } : {}),
          ...(httpVersion === '2' && authority !== null ? { authority } : {}),
        });
        if (described === null) return;
        accepted += 1;
        const { upstream } = described;
        expect(upstream.port).toBe(to.port);
        expect(upstream.scheme).toBe(scheme);
        if ('address' in to) {
          expect(to.synthetic).toBe(false);
          expect(upstream.host.replace(/[[\]]/g, '')).toBe(to.address);
        } else {
          const looked = to.name.toLowerCase();
          expect(['', ...SUFFIXES].map((suffix) => upstream.host + suffix)).toContain(looked);
        }
        if (scheme === 'https' && described.kind === 'http') {
          expect(sni).not.toBe(false);
          expect(String(sni).toLowerCase()).toBe(upstream.host);
        }
        const isAPI = CONTEXT.kubernetes.authorities.includes(`${upstream.host}:${upstream.port}`);
        expect(described.kind).toBe(isAPI ? 'kubernetes' : 'http');
      }),
      { numRuns: 10_000 },
    );
    // Not by refusing everything.
    expect(accepted).toBeGreaterThan(300);
  });
});
