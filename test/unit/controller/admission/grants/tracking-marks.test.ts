import { describe, expect, test } from 'vitest';
import { findTrackingMark } from '../../../../../controller/admission/grants/tracking-marks.ts';

describe('a tracking mark', () => {
  test.for<[tool: string, metadata: Parameters<typeof findTrackingMark>[0]]>([
    ['Argo CD', { annotations: { 'argocd.argoproj.io/tracking-id': 'a:b/c:d/e' } }],
    ['Argo CD', { labels: { 'argocd.argoproj.io/instance': 'soc' } }],
    ['Argo CD or Helm', { labels: { 'app.kubernetes.io/instance': 'soc' } }],
    ['Flux', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'soc' } }],
    ['Flux', { labels: { 'helm.toolkit.fluxcd.io/namespace': 'soc' } }],
    ['Helm', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } }],
    ['Helm', { annotations: { 'meta.helm.sh/release-name': 'soc' } }],
    ['Fleet', { annotations: { 'objectset.rio.cattle.io/id': 'soc' } }],
    ['kapp', { labels: { 'kapp.k14s.io/app': '1' } }],
    ['Config Sync', { annotations: { 'configmanagement.gke.io/managed': 'enabled' } }],
    ['kubectl apply --applyset', { labels: { 'applyset.kubernetes.io/part-of': 'x' } }],
  ])('of %s is found: %j', ([tool, metadata]) => {
    expect(findTrackingMark(metadata)).toMatchObject({ tool });
  });

  test.for<[metadata: Parameters<typeof findTrackingMark>[0]]>([
    [{}],
    [{ labels: { 'app.kubernetes.io/managed-by': 'jane', team: 'soc' } }],
    [{ annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } }],
    [{ annotations: { 'app.kubernetes.io/instance': 'soc' } }],
  ])('is not seen in %j', ([metadata]) => {
    expect(findTrackingMark(metadata)).toBeNull();
  });
});
