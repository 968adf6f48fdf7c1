/** docs/reference says what the code says: whoever adds a code, setting, metric or header adds its row. */

import { describe, expect, test } from 'vitest';
import { readControllerConfig } from '../../../controller/config.ts';
import { createControllerMetrics, registerGauges } from '../../../controller/record/metrics.ts';
import { FRAMING_HEADERS, STRIPPED_HEADERS } from '../../../core/action/headers.ts';
import { INERT_HEADERS } from '../../../core/action/inert-headers.ts';
import { PROBLEMS, ProblemError } from '../../../core/api/problem.ts';
import type { Environment } from '../../../process/config.ts';
import { createRegistry, type Registry } from '../../../process/metrics.ts';
import { readSidecarConfig } from '../../../sidecar/config.ts';
import { ANSWER_HEADERS } from '../../../sidecar/forward/answer-headers.ts';
import { createSidecarMetrics } from '../../../sidecar/metrics.ts';
import { codesIn, rowsOf } from './tables.ts';

const firstCodes = (rows: readonly string[][]): string[] => rows.flatMap(([cell]) => codesIn(cell));

test('problem codes: every code once, with its status and whether to retry', () => {
  const documented = rowsOf('problem-codes.md').map(([code, status, retry]) => [
    codesIn(code)[0],
    { status: Number(status), retryable: retry === 'yes' },
  ]);
  expect(documented).toHaveLength(Object.keys(PROBLEMS).length);
  expect(Object.fromEntries(documented)).toEqual(
    Object.fromEntries(
      Object.entries(PROBLEMS).map(([code, { status, retryable }]) => [
        code,
        { status, retryable },
      ]),
    ),
  );
});

describe('configuration', () => {
  test.each([
    ['Controller', readControllerConfig],
    ['Sidecar', readSidecarConfig],
  ] as const)('of the %s: every variable it reads, and whether it is required', (heading, read) => {
    const rows = rowsOf('configuration.md', heading);
    const { asked, required } = questionsOf(read);
    expect(firstCodes(rows).sort()).toEqual([...asked].sort());
    const needed = rows.filter(([, fallback]) => fallback === 'required');
    expect(firstCodes(needed).sort()).toEqual([...required].sort());
  });

  test('of the controller: the defaults are those that it takes', () => {
    const rows = rowsOf('configuration.md', 'Controller');
    const defaults = rows.flatMap(([name, fallback]) =>
      codesIn(name).flatMap((n) => codesIn(fallback).map((value) => [n, value])),
    );
    const minimum = {
      ACTIONGRANT_NAMESPACE: 'system',
      ACTIONGRANT_POD_NAME: 'controller-0',
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
    };
    expect(readControllerConfig({ ...minimum, ...Object.fromEntries(defaults) })).toEqual(
      readControllerConfig(minimum),
    );
  });
});

describe('metrics', () => {
  test('of the controller: name, type and labels', async () => {
    const registry = createRegistry('test');
    createControllerMetrics(registry);
    registerGauges(registry, {
      grantsByPhase: () => new Map(),
      pendingOldestAgeSeconds: () => 0,
      credentialsLive: () => 0,
      credentialsOverdue: () => 0,
      cacheLastSync: () => new Map([['actiongrants', 0]]),
      certificateExpirations: () => new Map([['serving', 0]]),
    });
    expect(documentedMetrics('Controller')).toEqual(await registeredMetrics(registry));
  });

  test('of the sidecar: name, type and labels', async () => {
    const registry = createRegistry('test');
    createSidecarMetrics(registry);
    const { actiongrant_build_info, ...own } = await registeredMetrics(registry);
    expect(documentedMetrics('Sidecar')).toEqual(own);
    expect(documentedMetrics('Controller')).toMatchObject({ actiongrant_build_info });
  });
});

describe('headers', () => {
  test.each([
    ['Inert', INERT_HEADERS],
    ['Stripped', STRIPPED_HEADERS],
    ['Framing', FRAMING_HEADERS],
  ] as const)('%s: every name', (heading, names) => {
    const documented = rowsOf('headers.md', heading).flatMap((cells) => codesIn(cells.join(' ')));
    expect(documented.sort()).toEqual([...names].sort());
  });

  test('of answers: every group, every name', () => {
    const documented = rowsOf('headers.md', 'Response headers').map(([group, names]) => [
      group,
      codesIn(names),
    ]);
    expect(Object.fromEntries(documented)).toEqual(ANSWER_HEADERS);
  });
});

/** What a process asks the environment for, and what it complains of when it gets nothing. */
function questionsOf(read: (environment: Environment) => unknown): {
  asked: Set<string>;
  required: Set<string>;
} {
  const asked = new Set<string>();
  const environment = new Proxy<Environment>(
    {},
    {
      get(_, name) {
        asked.add(String(name));
        return undefined;
      },
    },
  );
  try {
    read(environment);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const required = [...error.detail.matchAll(/(ACTIONGRANT_[A-Z_]+) is required/g)];
    return { asked, required: new Set(required.map(([, name]) => name ?? '')) };
  }
  return { asked, required: new Set() };
}

interface MetricFacts {
  type: string;
  labels: string[];
}

function documentedMetrics(heading: string): Record<string, MetricFacts> {
  return Object.fromEntries(
    rowsOf('metrics.md', heading).map(([name, type, labels]) => [
      codesIn(name)[0],
      { type: type ?? '', labels: codesIn(labels).sort() },
    ]),
  );
}

async function registeredMetrics(registry: Registry): Promise<Record<string, MetricFacts>> {
  const metrics = await registry.getMetricsAsJSON();
  const own = metrics.filter(({ name }) => name.startsWith('actiongrant_'));
  return Object.fromEntries(
    own.map(({ name, type, values }) => {
      const labels = new Set(values.flatMap((value) => Object.keys(value.labels)));
      labels.delete('le');
      // prom-client's typings have an enum here, its values are names.
      return [name, { type: String(type), labels: [...labels].sort() }];
    }),
  );
}
