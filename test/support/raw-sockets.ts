/**
 * System calls on sockets, for what Node's own API cannot ask for: a program that runs the steps of each line that it reads
 * (JSON: {@link Request}) and prints the result of each as a line. It runs inside a pod's network as whoever is the attacker of a
 * test, and ends with its input (socket-program.ts).
 */

import { existsSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

export type Step =
  | readonly ['socket', socket: string, domain: number, type: number, protocol: number]
  | readonly ['option', socket: string, level: number, option: number, value: number | string]
  | readonly ['bind' | 'connect', socket: string, address: string, port: number]
  | readonly ['sendto', socket: string, data: string, address: string, port: number, flags?: number]
  | readonly ['send' | 'listen' | 'receive' | 'close', socket: string, data?: string]
  | readonly ['sleep', milliseconds: number]
  /** Takes another user's identity for what follows. */
  | readonly ['become', uid: number]
  /** Makes a file, or waits for one that another process makes. */
  | readonly ['signal' | 'await', file: string];

export interface Request {
  readonly steps: readonly Step[];
  /** How long each may take. */
  readonly seconds: number;
}

/** What a step returned: a number, what was received, or the name of the error. */
export type Result = number | string;

const libc = koffi.load('libc.so.6');
const calls = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  setsockopt: libc.func(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t size)',
  ),
  bind: libc.func('int bind(int fd, const void *address, uint32_t size)'),
  connect: libc.func('int connect(int fd, const void *address, uint32_t size)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  sendto: libc.func(
    'long sendto(int fd, const void *data, size_t size, int flags, const void *address, uint32_t length)',
  ),
  recv: libc.func('long recv(int fd, void *data, size_t size, int flags)'),
  close: libc.func('int close(int fd)'),
  setresuid: libc.func('int setresuid(uint32_t real, uint32_t effective, uint32_t saved)'),
  nameToIndex: libc.func('uint32_t if_nametoindex(const char *name)'),
};

/** Less than what a program in a pod's network has. */
const AWAIT_MILLISECONDS = 40_000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;

/** The 16 bytes of an IPv6 address without a zone. */
export function ipv6Bytes(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  const [left = '', right = ''] = address.split('::');
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const head = groups(left);
  const tail = groups(right);
  head.forEach((group, i) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i);
  });
  tail.forEach((group, i) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 16 - 2 * (tail.length - i));
  });
  return bytes;
}

/** `link%NAME` is everybody on the link of an interface; the port is then an EtherType. */
function socketAddress(text: string, port: number): Buffer {
  const [address = '', zone] = text.split('%');
  if (address === 'link') return linkAddress(zone ?? '', port);
  const ipv6 = isIPv6(address);
  const bytes = Buffer.alloc(ipv6 ? 28 : 16);
  bytes.writeUInt16LE(ipv6 ? 10 : 2, 0);
  bytes.writeUInt16BE(port, 2);
  if (!ipv6) {
    Buffer.from(address.split('.').map(Number)).copy(bytes, 4);
    return bytes;
  }
  ipv6Bytes(address).copy(bytes, 8);
  if (zone !== undefined) bytes.writeUInt32LE(calls.nameToIndex(zone), 24);
  return bytes;
}

/** packet(7). */
function linkAddress(name: string, etherType: number): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt16LE(17, 0);
  bytes.writeUInt16BE(etherType, 2);
  bytes.writeInt32LE(calls.nameToIndex(name), 4);
  bytes.writeUInt8(6, 11);
  bytes.fill(0xff, 12, 18);
  return bytes;
}

/** So that no step waits for ever to send, connect or receive. */
function bounded(fd: number, seconds: number): number {
  const patience = Buffer.alloc(16);
  patience.writeBigInt64LE(BigInt(seconds), 0);
  for (const option of [SO_RCVTIMEO, SO_SNDTIMEO]) {
    calls.setsockopt(fd, SOL_SOCKET, option, patience, patience.length);
  }
  return fd;
}

function optionValue(value: number | string): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'latin1');
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** What is done outside of system calls on sockets. */
type Pause = Extract<Step, readonly ['sleep', number] | readonly ['signal' | 'await', string]>;

async function pause(step: Pause): Promise<Result> {
  switch (step[0]) {
    case 'sleep':
      await sleep(step[1]);
      return 0;
    case 'signal':
      writeFileSync(step[1], '');
      return 0;
    case 'await': {
      const deadline = performance.now() + AWAIT_MILLISECONDS;
      while (!existsSync(step[1])) {
        if (performance.now() > deadline) return 'nobody signalled';
        await sleep(5);
      }
      return 0;
    }
  }
}

function isPause(step: Step): step is Pause {
  return step[0] === 'sleep' || step[0] === 'signal' || step[0] === 'await';
}

/** Of one request, by name; the last of a name counts. */
interface Sockets {
  readonly named: Map<string, number>;
  readonly open: Set<number>;
  readonly seconds: number;
}

function run(step: Exclude<Step, Pause>, sockets: Sockets): number | string {
  if (step[0] === 'become') return calls.setresuid(step[1], step[1], step[1]);
  const fd = sockets.named.get(step[1]) ?? -1;
  switch (step[0]) {
    case 'socket': {
      const opened = calls.socket(step[2], step[3], step[4]);
      if (opened < 0) return opened;
      sockets.named.set(step[1], bounded(opened, sockets.seconds));
      sockets.open.add(opened);
      return 0;
    }
    case 'option': {
      const value = optionValue(step[4]);
      return calls.setsockopt(fd, step[2], step[3], value, value.length);
    }
    case 'bind':
    case 'connect': {
      const address = socketAddress(step[2], step[3]);
      return calls[step[0]](fd, address, address.length);
    }
    case 'sendto': {
      const address = socketAddress(step[3], step[4]);
      const data = Buffer.from(step[2], 'latin1');
      return calls.sendto(fd, data, data.length, step[5] ?? 0, address, address.length);
    }
    case 'send': {
      const data = Buffer.from(step[2] ?? '', 'latin1');
      return calls.sendto(fd, data, data.length, MSG_NOSIGNAL, null, 0);
    }
    case 'receive': {
      const data = Buffer.alloc(65536);
      const length = calls.recv(fd, data, data.length, 0);
      return length < 0 ? length : data.toString('latin1', 0, length);
    }
    case 'listen':
      return calls.listen(fd, 8);
    case 'close':
      sockets.open.delete(fd);
      return calls.close(fd);
  }
}

function errorName(): string {
  const number = koffi.errno();
  const found = Object.entries(constants.errno).find(([, value]) => value === number);
  return found?.[0] ?? `errno ${number}`;
}

async function resultsOf({ steps, seconds }: Request): Promise<Result[]> {
  const sockets: Sockets = { named: new Map(), open: new Set(), seconds };
  const results: Result[] = [];
  for (const step of steps) {
    if (isPause(step)) {
      results.push(await pause(step));
      continue;
    }
    const result = run(step, sockets);
    results.push(result === -1 ? errorName() : result);
  }
  for (const fd of sockets.open) calls.close(fd);
  return results;
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await resultsOf(JSON.parse(line)))}\n`);
  }
}
