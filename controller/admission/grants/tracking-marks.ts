/**
 * How tools that keep a cluster equal to a repository or a release mark what they create. A grant that decides itself must
 * not carry such a mark: the tool would create it again each time it was used and collected, and one commit would be
 * unlimited actions.
 */

interface TrackingMark {
  tool: string;
  on: 'labels' | 'annotations';
  /** The whole key, or its prefix if it ends with a slash. */
  key: string;
  /** The mark counts only with this value. */
  value?: string;
}

/** The chart's policy actiongrant-grants has them from here (`scripts/generate-chart.ts`). */
export const TRACKING_MARKS: readonly TrackingMark[] = [
  // https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
  { tool: 'Argo CD', on: 'annotations', key: 'argocd.argoproj.io/' },
  { tool: 'Argo CD', on: 'labels', key: 'argocd.argoproj.io/' },
  // Argo CD's tracking label before 3.0, and Helm charts' own.
  { tool: 'Argo CD or Helm', on: 'labels', key: 'app.kubernetes.io/instance' },
  // https://fluxcd.io/flux/faq/: "How do I know which Kustomization or HelmRelease..."
  { tool: 'Flux', on: 'labels', key: 'kustomize.toolkit.fluxcd.io/' },
  { tool: 'Flux', on: 'labels', key: 'helm.toolkit.fluxcd.io/' },
  // https://helm.sh/docs/chart_best_practices/labels/; the annotations say whose release an object is.
  { tool: 'Helm', on: 'labels', key: 'app.kubernetes.io/managed-by', value: 'Helm' },
  { tool: 'Helm', on: 'annotations', key: 'meta.helm.sh/' },
  // https://fleet.rancher.io: its bundles are Wrangler object sets.
  { tool: 'Fleet', on: 'labels', key: 'objectset.rio.cattle.io/' },
  { tool: 'Fleet', on: 'annotations', key: 'objectset.rio.cattle.io/' },
  // https://carvel.dev/kapp/docs/latest/diff/
  { tool: 'kapp', on: 'labels', key: 'kapp.k14s.io/' },
  // https://cloud.google.com/kubernetes-engine/config-sync/docs/how-to/managing-objects
  { tool: 'Config Sync', on: 'annotations', key: 'configmanagement.gke.io/' },
  { tool: 'Config Sync', on: 'annotations', key: 'configsync.gke.io/' },
  // KEP-3659, kubectl apply --prune
  { tool: 'kubectl apply --applyset', on: 'labels', key: 'applyset.kubernetes.io/' },
];

/** The first mark on an object, or null. */
export function findTrackingMark(metadata: {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}): { tool: string; field: string } | null {
  for (const { tool, on, key, value } of TRACKING_MARKS) {
    const found = Object.entries(metadata[on] ?? {}).find(
      ([name, actual]) =>
        (key.endsWith('/') ? name.startsWith(key) : name === key) &&
        (value === undefined || actual === value),
    );
    if (found !== undefined) return { tool, field: `metadata.${on}[${found[0]}]` };
  }
  return null;
}
