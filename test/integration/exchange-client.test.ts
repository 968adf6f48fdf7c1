/** The sidecar's client of the exchange where the kernel gives a connection no address of its own. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ROOT } from '../../scripts/tools.ts';
import { createAuthority } from '../support/pki.ts';

const CLIENT = pathToFileURL(join(ROOT, 'sidecar/exchange/client.ts')).href;

/** In a network of its own, whose loopback is down: as when every local port is taken, no address is to be had. */
const PROGRAM = `
  const { createExchangeClient } = await import(${JSON.stringify(CLIENT)});
  const [caFile, tokenFile] = process.argv.slice(1);
  const client = createExchangeClient({ urls: ['https://[::1]:9'], caFile, tokenFile });
  await client.finish('nonce', { outcome: 'Unknown' }).catch(({ name, sent, cause }) =>
    console.log(JSON.stringify({ name, sent, code: cause.code })),
  );
`;

test('a connection without an address never stood: certainly nothing was sent', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'actiongrant-exchange-client-'));
  try {
    const files = ['ca.crt', 'token'].map((name) => join(directory, name));
    const [ca = '', token = ''] = files;
    writeFileSync(ca, (await createAuthority('controller')).certificate);
    writeFileSync(token, 'aaa.bbb.ccc');
    const { stdout } = await promisify(execFile)('unshare', [
      '--net',
      process.execPath,
      '--input-type=module',
      '--eval',
      PROGRAM,
      ...files,
    ]);
    expect(JSON.parse(stdout)).toEqual({
      name: 'NoAnswerError',
      sent: false,
      code: 'EADDRNOTAVAIL',
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
