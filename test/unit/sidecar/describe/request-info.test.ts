import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../../core/api/problem.ts';
import type { HeadDescription } from '../../../../sidecar/describe/describe.ts';
import { aKubernetesHead, CONTEXT, describeHead } from './heads.ts';
import { type RequestInfo, requestInfo } from './request-info-oracle.ts';

/** An answer of the API server's own code; see test/attack/corpus/request-info.go. */
interface Answer {
  method: string;
  target: string;
  refused?: true;
  info?: RequestInfo;
}

const ANSWERS: Answer[] = readFileSync(
  new URL('../../../attack/corpus/request-info.jsonl', import.meta.url),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));

function describeOrRefuse({ method, target }: Answer): HeadDescription | null {
  const contentType = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
  try {
    return describeHead(aKubernetesHead(method, target, contentType), CONTEXT);
  } catch (error) {
    if (error instanceof ProblemError) return null;
    throw error;
  }
}

function attributes(described: HeadDescription): RequestInfo | undefined {
  if (described.kind !== 'kubernetes') return undefined;
  const { verb, apiGroup, version, namespace, resource, name, subresource } = described.action;
  return { verb, apiGroup, version, namespace, resource, name, subresource };
}

/** What was accepted, with the answer to it. */
const ACCEPTED = ANSWERS.flatMap((answer) => {
  const described = describeOrRefuse(answer);
  return described === null ? [] : [{ answer, described }];
});

/** The watch prefix is sent as the query that replaced it. */
const isRewritten = ({ target }: Answer) => /^\/api[^?]*\/watch\//.test(target);

describe("the API server's answers about request targets", () => {
  it('are many enough to mean something', () => {
    expect(ANSWERS.length).toBeGreaterThan(800);
    expect(ACCEPTED.length).toBeGreaterThan(100);
    expect(ACCEPTED.filter(({ answer }) => isRewritten(answer)).length).toBeGreaterThan(3);
  });

  it('are never contradicted by what is described', () => {
    for (const { answer, described } of ACCEPTED) {
      if (answer.refused === true || isRewritten(answer)) continue;
      expect({ ...answer, info: attributes(described) }).toEqual({ info: undefined, ...answer });
    }
  });

  it('are the same about what is sent as about what came', () => {
    for (const { answer, described } of ACCEPTED) {
      if (described.kind !== 'kubernetes') continue;
      const { method, path } = described.upstream;
      const sent = requestInfo(method, path);
      expect({ ...answer, info: sent }).toEqual({ ...answer, info: attributes(described) });
    }
  });

  it('make discovery of nothing that is a resource', () => {
    const discovery = ACCEPTED.filter(({ described }) => described.kind === 'discovery');
    expect([...new Set(discovery.map(({ answer }) => answer.target))]).toEqual([
      '/api',
      '/api/v1',
      '/apis',
      '/apis/apps',
      '/apis/apps/v1',
      '/version',
      '/openapi/v2',
      '/openapi/v3',
      '/openapi/v3/apis/apps/v1',
    ]);
    expect(discovery.filter(({ answer }) => answer.info !== undefined)).toEqual([]);
  });

  it('are those of the oracle of the fuzz tests', () => {
    for (const answer of ANSWERS) {
      if (answer.refused === true) continue;
      const { method, target, info = null } = answer;
      expect({ method, target, info: requestInfo(method, target) }).toEqual({
        method,
        target,
        info,
      });
    }
  });
});
