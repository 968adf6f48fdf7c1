/** The suffixes that the pod's resolvers try (resolv.conf(5)): agent and sidecar share them. */

/** In the order of the last `search` or `domain` line, lower case, without dots at the ends. */
export function parseSearchDomains(resolvConf: string): string[] {
  let domains: string[] = [];
  for (const line of resolvConf.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'search') domains = values;
    else if (keyword === 'domain') domains = values.slice(0, 1);
  }
  return domains
    .map((domain) => domain.toLowerCase().replace(/^\.+|\.+$/g, ''))
    .filter((domain) => domain !== '');
}
