import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const IDENTITY = ['-c', 'user.name=test', '-c', 'user.email=test@example.com'];

/** A bare repository with one commit, and git's own HTTP server for it (git-http-backend(1)). */
export interface GitService {
  /** `PATH_INFO` of the repository. */
  readonly path: string;
  /** Of the last commit. */
  head(): Promise<string>;
  /** Adds a commit. */
  commit(message: string): Promise<void>;
  handle(request: IncomingMessage, response: ServerResponse): void;
  remove(): void;
}

/** @param folder where it is kept: that of the cluster goes away with it, however the test ends */
export async function createGitService(folder: string): Promise<GitService> {
  const root = mkdtempSync(join(folder, 'git-'));
  const repository = join(root, 'notes.git');
  const work = join(root, 'work');
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', repository]);
  await run('git', ['clone', '--quiet', repository, work]);
  const git = (...args: string[]) => run('git', ['-C', work, ...IDENTITY, ...args]);
  const service: GitService = {
    path: '/notes.git',
    async head() {
      return (await git('rev-parse', 'HEAD')).stdout.trim();
    },
    async commit(message) {
      await git('commit', '--quiet', '--allow-empty', `--message=${message}`);
      await git('push', '--quiet', 'origin', 'HEAD:main');
    },
    handle: (request, response) => serve(root, request, response),
    remove: () => rmSync(root, { recursive: true }),
  };
  await service.commit('first');
  return service;
}

/** RFC 3875. */
function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '', 'https://git');
  const { headers, method } = request;
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: method,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: headers['content-type'],
      CONTENT_LENGTH: headers['content-length'],
      GIT_PROTOCOL: `${headers['git-protocol'] ?? ''}`,
      // The repository is root's, and so is this process; whoever calls is nobody's business.
      REMOTE_USER: '',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  request.pipe(backend.stdin);
  backend.stdin.on('error', () => {});
  const chunks: Buffer[] = [];
  backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  backend.once('close', () => {
    const output = Buffer.concat(chunks);
    const end = output.indexOf('\r\n\r\n');
    const fields = output
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      });
    const { status = '200', ...rest } = Object.fromEntries(fields);
    response.writeHead(Number.parseInt(status, 10), rest);
    response.end(output.subarray(end + 4));
  });
}
