import { open, rename, rm } from 'node:fs/promises';

/**
 * Writes a file whole or not at all: readers see the old content or the new. A start that was cut off leaves at most one
 * unfinished file behind, which the next one removes.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const unfinished = `${path}.new`;
  await rm(unfinished, { force: true });
  // `wx`: what somebody else put there meanwhile, a link above all, is not written through.
  const file = await open(unfinished, 'wx', 0o600);
  try {
    await file.writeFile(content);
    // Not masked, unlike the mode that a file is opened with.
    await file.chmod(mode);
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
}
