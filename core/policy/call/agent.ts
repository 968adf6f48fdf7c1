/** Who makes a call, as the controller knows the pod. */
export interface Agent {
  readonly namespace: string;
  readonly namespaceLabels: ReadonlyMap<string, string>;
  readonly serviceAccountName: string;
  readonly podName: string;
}
