import { Socket } from 'node:net';

/** Node has no documented way to tell one open socket from another (process.getActiveResourcesInfo() has kinds alone). */
const handles = (): readonly object[] =>
  (process as unknown as { _getActiveHandles(): object[] })._getActiveHandles();

/** How many sockets of this process are open that were not when this was called: other tests may have left theirs. */
export function countNewSockets(): () => number {
  const before = new Set(handles());
  return () => handles().filter((handle) => handle instanceof Socket && !before.has(handle)).length;
}
