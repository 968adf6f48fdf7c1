/** Files that others replace while we run. */

import { readFile, stat } from 'node:fs/promises';

/**
 * A file's content as `make` turns it, made again only when the file has changed. Calls that come together share one
 * reading: each would otherwise make a value of its own.
 */
export function cachedFile<T>(path: string, make: (text: string) => T): () => Promise<T> {
  let cached: { version: string; value: Promise<T> } | undefined;
  return async () => {
    const { mtimeMs, ino, size } = await stat(path);
    const version = `${mtimeMs}/${ino}/${size}`;
    if (cached?.version !== version) {
      const made = { version, value: readFile(path, 'utf8').then(make) };
      made.value.catch(() => {
        if (cached === made) cached = undefined;
      });
      cached = made;
    }
    return cached.value;
  };
}
