import { expect, test } from 'vitest';
import { namespaceResources } from '../../../../controller/injection/sidecar-resources.ts';

const RESOURCES = { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } };
const BOUNDS = {
  min: { cpu: '50m', memory: '128Mi' },
  max: { cpu: '2', memory: '1Gi', 'ephemeral-storage': '1Gi' },
};
const given = (annotation?: string) => namespaceResources(RESOURCES, annotation, BOUNDS);

test.each<[string | undefined, object]>([
  [undefined, RESOURCES],
  ['{}', RESOURCES],
  [
    '{"limits":{"cpu":"500m"}}',
    { requests: RESOURCES.requests, limits: { memory: '256Mi', cpu: '500m' } },
  ],
  [
    '{"requests":{"memory":"300Mi"},"limits":{"memory":"512Mi"}}',
    { requests: { cpu: '50m', memory: '300Mi' }, limits: { memory: '512Mi' } },
  ],
  [
    '{"requests":{"ephemeral-storage":"1Gi"}}',
    { requests: { ...RESOURCES.requests, 'ephemeral-storage': '1Gi' }, limits: RESOURCES.limits },
  ],
  // A request may be as small as it likes: it costs only the pod itself.
  [
    '{"requests":{"cpu":"1m"}}',
    { requests: { cpu: '1m', memory: '96Mi' }, limits: RESOURCES.limits },
  ],
])('%s', (annotation, resources) => {
  expect(given(annotation)).toEqual({ resources });
});

test.each([
  ['', 'must be JSON'],
  ['[]', 'must be JSON'],
  ['{"limits":{"memory":512}}', 'must be JSON'],
  ['{"limits":{"memory":"-1"}}', 'must be JSON'],
  ['{"limits":{"memory":"lots"}}', 'must be JSON'],
  ['{"limits":{"nvidia.com/gpu":"1"}}', 'must be JSON'],
  ['{"claims":[]}', 'must be JSON'],
  ['{"limits":{"memory":"127Mi"}}', 'limits.memory: 127Mi, and the release allows 128Mi at least'],
  ['{"limits":{"cpu":"49m"}}', 'limits.cpu: 49m, and the release allows 50m at least'],
  ['{"limits":{"memory":"2Gi"}}', 'limits.memory: 2Gi, and the release allows 1Gi at most'],
  ['{"requests":{"cpu":"3"}}', 'requests.cpu: 3, and the release allows 2 at most'],
  [
    '{"requests":{"memory":"512Mi"}}',
    'limit of memory 256Mi, which is less than the request, 512Mi',
  ],
])('%s is refused', (annotation, reason) => {
  expect(given(annotation)).toMatchObject({
    faults: [
      {
        field: 'metadata.annotations[actiongrant.dev/sidecar-resources] of the namespace',
        reason: expect.stringContaining(reason),
      },
    ],
  });
});
