/** Protobuf as client-go writes it, from numbers and values. */

export type Fields = readonly (readonly [
  number: number,
  value: string | number | Buffer | Fields,
])[];

export function protobuf(fields: Fields): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)]);
      const bytes =
        typeof value === 'string'
          ? Buffer.from(value)
          : Buffer.isBuffer(value)
            ? value
            : protobuf(value as Fields);
      return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
    }),
  );
}

/** With the envelope of k8s.io/apimachinery, `runtime.Unknown`. */
export function kubernetesProtobuf(apiVersion: string, kind: string, object: Fields): Buffer {
  const unknown: Fields = [
    [
      1,
      [
        [1, apiVersion],
        [2, kind],
      ],
    ],
    [2, protobuf(object)],
    [3, ''],
    [4, ''],
  ];
  return Buffer.concat([Buffer.from('k8s\0', 'latin1'), protobuf(unknown)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
