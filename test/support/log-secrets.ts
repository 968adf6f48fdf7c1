/** A process of the product. */
interface Logging {
  readonly name: string;
  log(): Promise<string>;
}

/** Shorter parts could be in a log by chance. */
const PART_LENGTH = 24;

/**
 * Which processes of the product wrote one of these secrets to their log: whole, or (of a token) its signature, which is
 * what makes it one. Names only, so that a failing test does not show them either.
 */
export async function secretsInLogs(
  product: { readonly replicas: readonly Logging[]; readonly sidecars: readonly Logging[] },
  secrets: readonly string[],
): Promise<readonly string[]> {
  const processes = [...product.replicas, ...product.sidecars];
  const found = await Promise.all(
    processes.map(async ({ name, log }) => {
      const text = await log();
      if (text === '') throw new Error(`${name} wrote no log`);
      return secrets
        .flatMap((secret) => [secret, signatureOf(secret)])
        .some((part) => text.includes(part))
        ? [name]
        : [];
    }),
  );
  return found.flat();
}

function signatureOf(secret: string): string {
  const last = secret.split('.').at(-1) ?? secret;
  return last.length < PART_LENGTH ? secret : last;
}
