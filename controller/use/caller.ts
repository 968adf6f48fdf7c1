/** Who calls the exchange: one pod, known by its UID. */
export interface Caller {
  namespace: string;
  serviceAccountName: string;
  podName: string;
  podUID: string;
}
