/**
 * A policy as its author writes it (`ActionPolicy`). Written by hand while there is no such custom resource; generated from its
 * schema once there is one.
 */

import type { JsonValue } from '../text/json.ts';

/** From the mildest to the strictest: across policies the strictest wins. */
export type PolicyEffect = 'Allow' | 'Grant' | 'Ask' | 'Deny';

export interface ActionPolicy {
  readonly metadata: { readonly name: string; readonly uid: string; readonly generation: number };
  readonly spec: ActionPolicySpec;
}

export interface ActionPolicySpec {
  readonly agents: PolicyAgents;
  /** Audit: judged and logged, without effect. */
  readonly mode: 'Enforce' | 'Audit';
  /** Within one policy the first that matches counts. */
  readonly rules: readonly PolicyRule[];
}

/** The agents that a policy is for. */
export interface PolicyAgents {
  /** Labels of namespaces are administrators'; those of pods are their tenants'. */
  readonly namespaceSelector: LabelSelector;
  /** Absent or empty: every ServiceAccount in these namespaces. */
  readonly serviceAccountNames?: readonly string[];
}

/** As in a NetworkPolicy. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelExpression[];
}

export interface LabelExpression {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

/** It has exactly one of `http`, `kubernetes` and `tcp`. */
export interface PolicyRule {
  readonly name: string;
  readonly http?: HttpRule;
  readonly kubernetes?: KubernetesRule;
  readonly tcp?: TcpRule;
  /** CEL, which must be true as well. What cannot be evaluated is denied, whatever the effect. */
  readonly when?: string;
  readonly effect: PolicyEffect;
  /** For the refused agent, and for whoever decides. */
  readonly message?: string;
  readonly credential?: PolicyCredential;
  /** Allow: headers with the agent's own credentials that stay. */
  readonly passHeaders?: readonly string[];
  /** Grant: how many, in each window of this length. */
  readonly budget?: Budget;
  readonly ask?: AskTerms;
}

/** All is written `*`: leaving a list out must not widen a rule. */
export interface HttpRule {
  /** Exact, `*.example.com` for the names below it, or `*`. */
  readonly hosts: readonly string[];
  /** Absent: both for Deny, else HTTPS. */
  readonly scheme?: 'HTTPS' | 'HTTP';
  /** Absent: every one for Deny, else that of the scheme. */
  readonly ports?: readonly number[];
  readonly methods: readonly string[];
  /** `*` is one segment, a last `/**` the rest. */
  readonly paths: readonly string[];
  /** Absent: None for Grant, else Any. */
  readonly query?: 'Any' | 'None';
}

/** As a rule of a ClusterRole (k8s.io/api rbac/v1), and in which namespaces. */
export interface KubernetesRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** `.` is the agent's own, the empty name that of what has no namespace, `*` is every one. */
  readonly namespaces: readonly string[];
  /** Absent or empty: every one. */
  readonly resourceNames?: readonly string[];
}

/** Connections that are no HTTP, such as a database's. */
export interface TcpRule {
  readonly hosts: readonly string[];
  readonly ports: readonly number[];
}

/** What is lent; `namespace` absent: the agent's own. */
export type PolicyCredential =
  | {
      readonly type: 'ServiceAccountToken';
      readonly namespace?: string;
      readonly serviceAccountToken: {
        readonly serviceAccountName: string;
        readonly audience?: string;
      };
    }
  | {
      readonly type: 'Issuer';
      readonly namespace?: string;
      /** By its name, and what is asked of it. */
      readonly issuer: { readonly name: string; readonly [narrowing: string]: JsonValue };
    };

export interface Budget {
  readonly uses: number;
  readonly periodSeconds: number;
}

/** The API server fills the defaults in. */
export interface AskTerms {
  /** How many different people. */
  readonly approvals: number;
  readonly holdSeconds: number;
  readonly decisionDeadlineSeconds: number;
  /** JSON pointers (RFC 6901) to what deciders see as redacted. */
  readonly redact?: readonly string[];
  /** true: asked although the body cannot be shown. */
  readonly opaque?: boolean;
  /** The one user that is no person and whose approval counts, beside at least one person's. */
  readonly bot?: string;
}
