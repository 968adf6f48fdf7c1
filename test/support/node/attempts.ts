import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubectlResult } from '../control-plane-client.ts';
import type { Result, Step } from '../raw-sockets.ts';
import type { NodeCluster } from './node-cluster.ts';

const PROGRAM = readFileSync(join(import.meta.dirname, 'attempts.py'), 'utf8');
const ALL_MILLISECONDS = 60_000;

/** A container that runs, as {@link NodeCluster.exec} finds it. */
export interface Place {
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
}

/** What became of everything that was tried in one container. */
export interface Outcomes {
  /** Of a command. @throws Error if there was none of this name */
  command(name: string): KubectlResult;
  /** Of the steps of an attempt, in their order. @throws Error if there was none of this name */
  steps(name: string): readonly Result[];
}

/**
 * Tries all of it at once in a container, as its user: steps on sockets, and commands.
 * @throws Error with what the container's Python says if that fails
 */
export async function attempt(
  cluster: NodeCluster,
  { namespace, pod, container }: Place,
  attempts: {
    readonly steps?: Readonly<Record<string, readonly Step[]>>;
    readonly commands?: Readonly<Record<string, readonly string[]>>;
  },
): Promise<Outcomes> {
  const commands = Object.entries(attempts.commands ?? {}).map(([name, command]) => [
    `command ${name}`,
    { command },
  ]);
  const steps = Object.entries(attempts.steps ?? {}).map(([name, list]) => [`steps ${name}`, list]);
  const { code, stdout, stderr } = await cluster.exec(
    namespace,
    pod,
    // Its standard input is what to try, so the program is an argument.
    ['python3', '-c', PROGRAM],
    {
      input: JSON.stringify(Object.fromEntries([...commands, ...steps])),
      timeoutMilliseconds: ALL_MILLISECONDS,
      ...(container === undefined ? {} : { container }),
    },
  );
  if (code !== 0) throw new Error(`nothing could be tried in ${pod}: ${stderr}`);
  const outcomes = new Map<string, unknown>(Object.entries(JSON.parse(stdout)));
  const of = (key: string): unknown => {
    const outcome = outcomes.get(key);
    if (outcome === undefined) throw new Error(`nothing of this name was tried: ${key}`);
    return outcome;
  };
  return {
    command: (name) => of(`command ${name}`) as KubectlResult,
    steps: (name) => of(`steps ${name}`) as Result[],
  };
}
