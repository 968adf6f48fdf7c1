/** Keeps a map within its bound: what was put into it first goes first. To keep what is used, put it in again at each use. */
export function forgetOldest<K>(map: Map<K, unknown>, capacity: number): void {
  for (const key of map.keys()) {
    if (map.size <= capacity) return;
    map.delete(key);
  }
}
