/**
 * A process that stands for election: `lease-candidate.ts <kubeconfig> <namespace> <identity> <ms that the lease lasts>`.
 * Says `ready`, `started` and `stopped` on standard output; SIGTERM stops it in order.
 */
import { createKubernetesClient } from '../../core/kubernetes/create-client.ts';
import { createLeaseElection } from '../../core/kubernetes/lease.ts';
import { systemClock } from '../../core/time/clock.ts';

const [path = '', namespace = '', identity = '', duration = ''] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const client = await createKubernetesClient({
  server: { type: 'Kubeconfig', path },
  userAgent: 'actiongrant-test/0',
  requestTimeoutMilliseconds: 5_000,
  clock: systemClock,
});
const election = createLeaseElection({
  client,
  clock: systemClock,
  namespace,
  name: 'candidates',
  identity,
  leaseDurationMilliseconds: Number(duration),
  renewDeadlineMilliseconds: (Number(duration) * 2) / 3,
  retryPeriodMilliseconds: 500,
  onStartedLeading: () => say('started'),
  onStoppedLeading: () => say('stopped'),
  report: (report) => {
    if (report.type === 'LeaderObserved' && report.identity !== identity) say('ready');
  },
});
if (identity === 'one') say('ready');
election.start();
const alive = setInterval(() => {}, 1_000);
process.once('SIGTERM', async () => {
  await election.stop();
  await client.close();
  clearInterval(alive);
});
