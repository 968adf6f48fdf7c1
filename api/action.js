/**
 * An Action: what a call would do, described from the bytes on the wire. Every field is present and canonical, so that two
 * Actions are the same exactly if their canonical JSON is.
 */
export {};
