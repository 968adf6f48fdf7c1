import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/clock.ts';
import { createLogger } from '../../../../process/log.ts';
import { type PodCASettings, providePodCA } from '../../../../sidecar/certificates/pod-ca.ts';

const log = createLogger({ level: 'error', fields: {}, write: () => {}, now: Date.now });
const agent = { namespace: 'soc' };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pod-ca-'));
  for (const name of ['state', 'agent']) mkdirSync(join(directory, name));
});
afterEach(() => rmSync(directory, { recursive: true }));

const provide = (settings: Omit<PodCASettings, 'agent'>) =>
  providePodCA({ agent, ...settings }, systemClock, log);
const transparent = (state = 'state', agents = 'agent') => ({
  stateDirectory: join(directory, state),
  agentDirectory: join(directory, agents),
});

describe("the pod's CA", () => {
  it('is written where the operator says', async () => {
    const caOutputFile = join(directory, 'ca.crt');
    const { certificate } = await provide({ caOutputFile, transparent: undefined });
    expect(readFileSync(caOutputFile, 'utf8')).toBe(certificate);
  });

  it('is another one for each process without a state directory', async () => {
    const settings = { caOutputFile: undefined, transparent: undefined };
    const [first, second] = [await provide(settings), await provide(settings)];
    expect(second.certificate).not.toBe(first.certificate);
  });

  it('outlives its process with one, and is written for the agent', async () => {
    const settings = { caOutputFile: undefined, transparent: transparent() };
    const [first, second] = [await provide(settings), await provide(settings)];
    expect(second.certificate).toBe(first.certificate);
    const read = (name: string) => readFileSync(join(directory, 'agent', name), 'utf8');
    expect([read('ca.crt'), read('namespace')]).toEqual([first.certificate, 'soc']);
  });
});

it.each<[string, () => Omit<PodCASettings, 'agent'>]>([
  [
    'ACTIONGRANT_STATE_DIRECTORY cannot be used',
    () => ({ caOutputFile: undefined, transparent: transparent('missing') }),
  ],
  [
    'ACTIONGRANT_AGENT_DIRECTORY cannot be written to',
    () => ({ caOutputFile: undefined, transparent: transparent('state', 'missing') }),
  ],
  [
    'ACTIONGRANT_CA_OUTPUT names a file that cannot be written',
    () => ({ caOutputFile: join(directory, 'missing', 'ca.crt'), transparent: undefined }),
  ],
])('%s: the sidecar does not start', async (complaint, settings) => {
  await expect(provide(settings())).rejects.toMatchObject({
    code: 'ConfigurationInvalid',
    detail: expect.stringContaining(complaint),
  });
});
