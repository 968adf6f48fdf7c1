import { expect, it } from 'vitest';
import { readKubernetesProtobuf } from '../../../../sidecar/describe/protobuf.ts';
import { kubernetesProtobuf, protobuf } from './protobuf-messages.ts';

it('an object is read by its numbers, with the entries of its maps by their keys', () => {
  const bytes = kubernetesProtobuf('v1', 'ConfigMap', [
    [
      1,
      [
        [1, 'settings'],
        [3, 'shop'],
        [
          11,
          [
            [1, 'app'],
            [2, 'checkout'],
          ],
        ],
      ],
    ],
    [
      2,
      [
        [1, 'mode'],
        [2, 'safe'],
      ],
    ],
    [
      2,
      [
        [1, 'colour'],
        [2, 'é'],
      ],
    ],
    [4, 1],
  ]);
  expect(readKubernetesProtobuf(bytes)).toEqual({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    object: {
      1: { 1: 'settings', 3: 'shop', 11: { app: 'checkout' } },
      2: [{ mode: 'safe' }, { colour: 'é' }],
      4: 1,
    },
  });
});

it('a message that could be a text by its first bytes is a message', () => {
  const uid = 'a0b1c2d3-0000-4000-8000-000000000001';
  const bytes = kubernetesProtobuf('v1', 'Pod', [[1, [[1, uid]]]]);
  expect(readKubernetesProtobuf(bytes)?.object).toEqual({ 1: { 1: uid } });
});

it('what is neither text nor message is its size', () => {
  const bytes = kubernetesProtobuf('v1', 'Secret', [[2, Buffer.from([0xff, 0xfe, 0])]]);
  expect(readKubernetesProtobuf(bytes)?.object).toEqual({ 2: '(3 bytes)' });
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['JSON', Buffer.from('{}')],
  ['the magic alone', Buffer.from('k8s\0')],
  ['what ends too early', kubernetesProtobuf('v1', 'Pod', [[1, 'x']]).subarray(0, 8)],
  ['a length past the end', Buffer.from('k8s\0\x0a\xff\xff\xff\xff\x0f', 'latin1')],
  ['a group', Buffer.from('k8s\0\x0b\x0c', 'latin1')],
  ['a varint without end', Buffer.from(`k8s\0\x08${'\xff'.repeat(20)}`, 'latin1')],
])('%s is no such message', (_, bytes) => {
  expect(readKubernetesProtobuf(bytes)).toBeUndefined();
});

it('is read in bounded time and depth', () => {
  const deep = Array.from({ length: 2_000 }).reduce<Buffer>(
    (inner) => protobuf([[1, inner]]),
    Buffer.alloc(1),
  );
  const wide = protobuf(Array.from({ length: 100_000 }, () => [1, 1] as const));
  const start = performance.now();
  for (const body of [deep, wide, Buffer.alloc(1_000_000, '\x0a\x02')]) {
    readKubernetesProtobuf(kubernetesProtobuf('v1', 'Pod', [[1, body]]));
  }
  expect(performance.now() - start).toBeLessThan(1_000);
});
