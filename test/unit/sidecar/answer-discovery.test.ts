import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../core/api/problem.ts';
import { aKubernetesHead } from './describe/heads.ts';
import { handled } from './one-call.ts';

const code = ({ client }: Awaited<ReturnType<typeof handled>>): unknown =>
  JSON.parse(client.body).details.causes[0].reason;

describe('a read of what the API server offers', () => {
  it('is answered with the document as JSON', async () => {
    const { client } = await handled({
      head: aKubernetesHead('GET', '/api'),
      discovery: () => ({ kind: 'APIVersions' }),
    });
    expect(client).toMatchObject({
      status: 200,
      headers: [['content-type', 'application/json']],
      body: '{"kind":"APIVersions"}',
    });
  });

  it('is refused by any other method, and asks nobody', async () => {
    const asked: string[] = [];
    const result = await handled({
      head: aKubernetesHead('HEAD', '/api'),
      discovery: (path) => asked.push(path),
    });
    expect(code(result)).toBe('DiscoveryRefused');
    expect(asked).toEqual([]);
  });

  it('is refused as the controller refuses it', async () => {
    const result = await handled({
      head: aKubernetesHead('GET', '/api'),
      discovery: () => {
        throw new ProblemError('KubernetesUnavailable', 'Try again.');
      },
    });
    expect(code(result)).toBe('KubernetesUnavailable');
  });

  it('says so if the controller does not answer', async () => {
    const result = await handled({
      head: aKubernetesHead('GET', '/api'),
      discovery: () => {
        throw new Error('lost');
      },
    });
    expect(code(result)).toBe('ControllerUnavailable');
    expect(result.client.body).not.toContain('lost');
  });

  it('is refused while there is no memory for the document', async () => {
    const result = await handled({
      head: aKubernetesHead('GET', '/api'),
      discovery: () => ({ kind: 'APIVersions' }),
      memoryBytes: 10,
    });
    expect(code(result)).toBe('TooManyRequests');
    expect(result.hasRoomFor(10)).toBe(true);
  });
});
