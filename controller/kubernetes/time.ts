/** meta/v1 MicroTime: RFC 3339 in UTC with exactly six digits of a second's fraction. */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}
