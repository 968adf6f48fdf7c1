// Set-up of every file of the `e2e` project: pods are deleted when their file ends, and what they wrote with them, so a
// failed test keeps that at once.
import { join } from 'node:path';
import { afterEach, inject } from 'vitest';
import { keepPodEvidence } from './evidence.ts';

afterEach(({ task }) => {
  if (task.result?.state !== 'fail') return;
  const { directory, evidence } = inject('node');
  if (evidence === '') return;
  const name = task.name.replaceAll(/[^A-Za-z0-9]+/g, '-').slice(0, 80);
  keepPodEvidence(directory, join(evidence, 'failed', name));
});
