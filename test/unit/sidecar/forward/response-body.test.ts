import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { ResponseBody } from '../../../../sidecar/forward/response-body.ts';
import { read, readUntilError } from './upstreams.ts';

let resumed: number;
let abandoned: number;
let body: ResponseBody;

beforeEach(() => {
  resumed = 0;
  abandoned = 0;
  body = new ResponseBody(
    () => {
      resumed += 1;
    },
    () => {
      abandoned += 1;
    },
  );
});

describe('the body of an answer', () => {
  it('is what was pushed, and is not abandoned once it is complete', async () => {
    body.push('a');
    body.push('b');
    body.complete();
    expect(await read(body)).toBe('ab');
    expect(abandoned).toBe(0);
  });

  it('that is full asks for more only when it is read', async () => {
    expect(body.push(Buffer.alloc(64 * 1024))).toBe(false);
    expect(resumed).toBe(0);
    body.resume();
    await setImmediate();
    expect(resumed).toBeGreaterThan(0);
  });

  it('that is destroyed early is abandoned, once', async () => {
    body.push('a');
    body.destroy();
    body.destroy();
    await setImmediate();
    expect(abandoned).toBe(1);
  });

  it('fails for its reader with what it was destroyed with', async () => {
    const reason = new Error('cut');
    body.push('a');
    const reading = readUntilError(body);
    await setImmediate();
    body.destroy(reason);
    expect(await reading).toEqual({ text: 'a', error: reason });
  });

  it('may fail before anybody reads it', async () => {
    body.destroy(new Error('cut'));
    await setImmediate();
    expect(body.errored).toMatchObject({ message: 'cut' });
  });
});
