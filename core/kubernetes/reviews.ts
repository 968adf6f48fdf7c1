/** The virtual resources: they are asked, not stored. */

/** authentication.k8s.io/v1 TokenRequest (`serviceaccounts/token`). */
export interface TokenRequestSpec {
  audiences: string[];
  /** The API server's minimum is 600. */
  expirationSeconds?: number;
  boundObjectRef?: {
    apiVersion: string;
    kind: 'Pod' | 'Secret' | 'Node';
    name: string;
    uid: string;
  };
}

/** `token` is a credential: never log, never put into an error. */
export interface TokenRequestStatus {
  token: string;
  expirationTimestamp: string;
}

export interface UserInfo {
  username?: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}

/** authentication.k8s.io/v1 TokenReview. */
export interface TokenReviewSpec {
  token: string;
  audiences?: string[];
}

export interface TokenReviewStatus {
  authenticated?: boolean;
  audiences?: string[];
  user?: UserInfo;
  error?: string;
}

/** authorization.k8s.io/v1 SubjectAccessReview. */
export interface SubjectAccessReviewSpec {
  resourceAttributes?: {
    namespace?: string;
    verb: string;
    group?: string;
    version?: string;
    resource: string;
    subresource?: string;
    name?: string;
  };
  nonResourceAttributes?: { path: string; verb: string };
  user?: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}

export interface SubjectAccessReviewStatus {
  allowed: boolean;
  denied?: boolean;
  reason?: string;
  evaluationError?: string;
}
