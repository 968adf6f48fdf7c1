/** meta/v1 MicroTime: RFC 3339 in UTC with exactly six digits of a second's fraction. */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}

/** Order of times as the API writes them. Not localeCompare: a refusal may have to order thousands of grants. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
