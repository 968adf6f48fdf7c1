/** Calls that write a secret under any name: what is in it, only its digest may tell. */

/** Headers by which clients of Vault and OpenBao make themselves known. */
const VAULT: readonly string[] = ['x-vault-request', 'x-vault-token'];

/** Whether the body of the call is a secret of Vault's key/value store, whatever its members are called. */
export function writesSecret({
  url,
  headers,
}: {
  url: string;
  headers?: Readonly<Record<string, string>>;
}): boolean {
  return VAULT.some((name) => Object.hasOwn(headers ?? {}, name)) && /\/v1\/.+\/data\//.test(url);
}
