/** meta/v1 MicroTime: RFC 3339 in UTC with exactly six digits of a second's fraction. */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}

/**
 * Orders times as the API writes them (meta/v1 Time, in UTC), the earlier one first. Not localeCompare, which is slow: a
 * refusal may have to order thousands of grants.
 */
export function compareTimes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
