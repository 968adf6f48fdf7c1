import { describe, expect, it } from 'vitest';
import { INBOUND_PORTS_VARIABLE } from '../../../../core/api/pod-layout.ts';
import { ConfigReader } from '../../../../process/config.ts';
import { checkInjected, readInboundPorts } from '../../../../sidecar/net-init/inbound-ports.ts';

function read(text: string | undefined) {
  const reader = new ConfigReader({ [INBOUND_PORTS_VARIABLE]: text });
  const ports = readInboundPorts(reader);
  reader.finish();
  return ports;
}

describe('inbound ports', () => {
  it.each([
    [undefined, { tcp: [], udp: [] }],
    ['', { tcp: [], udp: [] }],
    ['8080/tcp', { tcp: [8080], udp: [] }],
    ['8080/tcp, 53/udp,80/tcp,8080/tcp,1/udp', { tcp: [80, 8080], udp: [1, 53] }],
    // The webhook may name the sidecar's own probe; it is open anyway.
    ['15020/tcp,65535/udp', { tcp: [15020], udp: [65535] }],
  ])('%j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    '8080',
    'http/tcp',
    '0/tcp',
    '080/tcp',
    '65536/tcp',
    '-1/udp',
    '80/TCP',
    '80/sctp',
    '80/tcp/udp',
    '80-90/tcp',
    '80/tcp } accept',
    '15001/tcp',
    '15006/tcp',
    '15053/udp',
  ])('does not take %j', (entry) => {
    expect(() => read(`443/tcp,${entry}`)).toThrow(`${INBOUND_PORTS_VARIABLE} `);
    expect(() => read(`443/tcp,${entry}`)).toThrow(`"${entry}"`);
  });
});

describe('an environment that nobody injected', () => {
  const check = (environment: Record<string, string>) => () => {
    const reader = new ConfigReader(environment);
    checkInjected(reader);
    readInboundPorts(reader);
    reader.finish();
  };

  it('lacks the variable, and is told so', () => {
    expect(check({})).toThrow(`${INBOUND_PORTS_VARIABLE} is missing, so this is no injected pod`);
  });

  it.each(['', '8080/tcp'])('is not one where it is %j', (text) => {
    expect(check({ [INBOUND_PORTS_VARIABLE]: text })).not.toThrow();
  });
});
