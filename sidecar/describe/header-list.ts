/** The members of a header that is a list (RFC 9110 5.6.1). */
export function listOf(value: string): string[] {
  return value
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}
