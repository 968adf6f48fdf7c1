/** A header as it stands in a message, in the order in which it came or goes: a name may come several times. */
export type HeaderPair = readonly [name: string, value: string];
