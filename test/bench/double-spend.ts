/** The fight of test/integration/double-spend.test.ts, ten times as long: 100,000 attempts and more, and no second effect. */

import { audit, type ContentionOptions, contend } from '../support/contention.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { Exchange } from '../support/exchange.ts';
import { startProduct } from '../support/product.ts';
import type { Benchmark } from './benchmark.ts';
import { quantile } from './statistics.ts';

const REPLICAS = 3;
const GRANTS = 1_000;
const CONTENDERS_PER_GRANT = 90;

export const doubleSpend: Benchmark = {
  name: 'double-spend',
  async run(_environment, say) {
    await using stack = new AsyncDisposableStack();
    const plane = stack.use(await startControlPlane());
    const namespace = await plane.createNamespace('fights');
    const product = await startProduct(plane, {
      replicas: REPLICAS,
      agentNamespaces: [namespace],
      replica: {
        environment: {
          ACTIONGRANT_POD_RATE_PER_SECOND: '100000',
          ACTIONGRANT_LOG_LEVEL: 'warn',
        },
      },
    });
    stack.defer(() => product.stop());
    const exchange = new Exchange(product);
    stack.defer(() => exchange.close());
    const options: ContentionOptions = {
      plane,
      product,
      exchange,
      namespace,
      grants: GRANTS,
      attemptsPerGrant: CONTENDERS_PER_GRANT,
      actionsAtOnce: 16,
      seed: Date.now() % 2 ** 31,
    };
    const result = await contend(options);
    const wrong = await audit(options, result);
    for (const sentence of wrong.slice(0, 20)) say(sentence);
    say(`seed ${options.seed}: ${result.attempts} attempts, ${result.wins.length} won`);
    return [
      {
        key: 'double_spend_attempts',
        value: result.attempts,
        meaning: `over ${GRANTS} grants, ${REPLICAS} replicas`,
        goal: { atLeast: 100_000 },
      },
      {
        key: 'double_spend_violations',
        value: wrong.length,
        meaning: 'effects, records or Secrets that are one too many or too few',
        goal: { atMost: 0 },
      },
      {
        key: 'double_spend_attempts_per_second',
        value: result.attempts / result.seconds,
        meaning: 'contended',
      },
      {
        key: 'double_spend_p99_ms',
        value: quantile(result.latencies, 0.99),
        meaning: 'answer to a contended attempt',
      },
    ];
  },
};
