import { existsSync, renameSync, rmSync } from 'node:fs';

/** Renames a folder that was made aside. One that another process has put there meanwhile is as good, and stays. */
export function putInPlace(aside: string, folder: string): void {
  try {
    renameSync(aside, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(aside, { recursive: true });
  }
}
