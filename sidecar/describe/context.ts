/** What describing needs to know of the pod and its cluster. */
export interface DescribeContext {
  kubernetes: {
    /** `host:port`, lower case, under which this cluster's API server is reached. */
    authorities: readonly string[];
  };
  /** Names that the chart adds to the inert headers, lower case. */
  inertHeaders: ReadonlySet<string>;
  /** Suffixes that the pod's resolver tries for short names (resolv.conf), lower case, without dots around them. */
  searchDomains: readonly string[];
}
