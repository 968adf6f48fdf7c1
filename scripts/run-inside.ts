import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname, join } from 'node:path';
import { insideArguments } from '../test/support/node/enclosure.ts';
import { toolPath } from './tools.ts';

/** Runs a command inside a cluster's namespaces, on this terminal; resolves with its exit code. */
export async function runInside(
  directory: string,
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [program = '', ...args] = insideArguments(directory, command);
  const path = [dirname(toolPath('kubectl')), dirname(toolPath('helm')), process.env['PATH']];
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: path.join(delimiter),
      KUBECONFIG: join(directory, 'admin.kubeconfig'),
      ...environment,
    },
  });
  const [code] = await once(child, 'exit');
  return typeof code === 'number' ? code : 1;
}
