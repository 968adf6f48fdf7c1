// Generated from crds/actiongrants.yaml by scripts/generate-types.ts. Do not edit.
//
// The objects as the API server returns them: a field with a default is always there, and times are RFC 3339 strings.

/**
 * ActionGrant is permission for one agent to make one call, once. It says which agent, which call
 * (every detail of it: what the grant does not mention, the call must not have) and as whom the
 * call is made. Create it with kubectl create, wait for the condition Ready, let the agent make the
 * call, and read what happened from the condition Finished and from status.outcome. It cannot be
 * changed or used again: the next call needs a grant of its own. Deleting it revokes it.
 */
export interface ActionGrant {
  readonly apiVersion: 'actiongrant.dev/v1alpha1';
  readonly kind: 'ActionGrant';
  readonly metadata: GrantMetadata;
  /**
   * What is asked for. It is fixed at creation, so that what was decided is what is used; to ask
   * for something else, create another grant.
   */
  readonly spec: ActionGrantSpec;
  /**
   * What has become of the grant. Written by the ActionGrant controller alone, and checked by rules
   * of the schema: phases move along one table, uses are only ever added, and an outcome never
   * changes.
   */
  readonly status?: ActionGrantStatus;
}

/** Of the standard metadata, what is read here. */
export interface GrantMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * What is asked for. It is fixed at creation, so that what was decided is what is used; to ask for
 * something else, create another grant.
 */
export interface ActionGrantSpec {
  /**
   * The agent that may use the grant. Only a pod with an ActionGrant sidecar can use it; podName
   * and podUID narrow it to one pod.
   */
  readonly agent: GrantAgent;
  /**
   * The one call that is permitted. Set type, and the one field of the same name (http, kubernetes
   * or mcp).
   */
  readonly action: GrantAction;
  /**
   * As whom the call is made. The agent never sees the credential: the sidecar adds it to the one
   * call, and it is revoked when the call is done. Absent: the call is made without one.
   */
  readonly credential?: GrantCredential;
  /**
   * true: whoever creates the grant approves it by creating it. Admitted only if that user may
   * create actiondecisions in the namespace and has delegate on the credential's ServiceAccount,
   * and refused on objects that a GitOps tool tracks. false (the default): the grant stays Pending
   * until someone decides. @default false
   */
  readonly approvedByRequester: boolean;
  /**
   * Seconds from creation within which the grant must be decided, 30 to 604800 (7 days); default
   * 3600. After that it is Expired; create a new one to ask again. @default 3600
   */
  readonly decisionDeadlineSeconds: number;
  /**
   * Seconds from approval within which the agent must begin the call, 10 to 86400 (1 day); default
   * 900. After that the grant is Expired; create a new one to ask again. @default 900
   */
  readonly useDeadlineSeconds: number;
  /**
   * Seconds that the one call may take, from the sidecar's request to use the grant to the end of
   * the response, 1 to 570; default 30. At the deadline the sidecar cuts the call, and the outcome
   * is Unknown if the request had been sent. 570 keeps it within the shortest life of a token, 600
   * seconds. @default 30
   */
  readonly timeoutSeconds: number;
  /**
   * Seconds that the grant is kept once it is Finished, Denied, Expired or Revoked, 0 to 2592000
   * (30 days); default 3600. Then it is deleted; the audit log is the lasting record. @default 3600
   */
  readonly ttlSecondsAfterFinished: number;
  /**
   * Why the call is needed, for whoever decides and for the record: one line of at most 1024
   * characters, without control characters, invisible ones (zero-width joiners too) and ones that
   * change the direction of text. It is the requester's claim: nobody has checked it.
   */
  readonly justification: string;
  /**
   * Who created the grant, written by admission from the request's authenticated user. Whatever a
   * payload says here is replaced, so leave it out.
   */
  readonly requester?: GrantUser;
}

/**
 * The agent that may use the grant. Only a pod with an ActionGrant sidecar can use it; podName and
 * podUID narrow it to one pod.
 */
export interface GrantAgent {
  /** Name of the ServiceAccount that the agent's pod runs as. */
  readonly serviceAccountName: string;
  /**
   * Namespace of the agent's pod. Absent: the grant's own. An agent elsewhere can use the grant
   * only if its namespace consents by annotation.
   */
  readonly namespace?: string;
  /** Only the pod of this name may use the grant. Absent: any pod of the ServiceAccount. */
  readonly podName?: string;
  /**
   * Only the pod with this metadata.uid may use the grant, so not a later pod of the same name.
   * Absent: any pod that the other fields allow.
   */
  readonly podUID?: string;
}

/**
 * The one call that is permitted. Set type, and the one field of the same name (http, kubernetes or
 * mcp).
 */
export interface GrantAction {
  /**
   * The protocol of the call. HTTP: any HTTP or HTTPS service. Kubernetes: this cluster's API
   * server, under whatever name it is reached. MCP: one tool call on a Model Context Protocol
   * server.
   */
  readonly type: GrantActionType;
  /** One HTTP request. What is not mentioned here, the request must not have. */
  readonly http?: GrantHttpAction;
  /**
   * One request to this cluster's API server, as the API server itself reads it (the attributes
   * that RBAC sees). What is not mentioned here, the request must not have. It needs
   * spec.credential.
   */
  readonly kubernetes?: GrantKubernetesAction;
  /**
   * One tools/call request to an MCP server over HTTP. What is not mentioned here, the request must
   * not have.
   */
  readonly mcp?: GrantMcpAction;
}

/**
 * The protocol of the call. HTTP: any HTTP or HTTPS service. Kubernetes: this cluster's API server,
 * under whatever name it is reached. MCP: one tool call on a Model Context Protocol server.
 */
export type GrantActionType = 'HTTP' | 'Kubernetes' | 'MCP';

/** One HTTP request. What is not mentioned here, the request must not have. */
export interface GrantHttpAction {
  /** Request method, in capitals. CONNECT and TRACE are refused. */
  readonly method: string;
  /**
   * The whole URL, with its query if the call has one, compared byte for byte. https, or http if
   * the grant has no credential. One spelling only, so that nobody can read it two ways: host in
   * lower case, no default port, a path (at least /), no user information, no fragment, no dot or
   * empty segments, no encoded backslashes or control characters. An encoded slash (%2F) is not a
   * slash: the call must have it encoded, too. A secret in it (?key=) is written as secret:sha256:
   * and the 64 hexadecimal digits of its SHA-256.
   */
  readonly url: string;
  /**
   * Request headers that belong to the call, by lower-case name, each with its exact value. Headers
   * without effect (accept, user-agent, content-type, trace headers and the like) pass unmentioned;
   * every other header that the call carries must be here, and every header here must be in the
   * call. Credentials and framing (authorization, cookie, host, content-length) cannot be listed. A
   * key (x-api-key and the like) is written as secret:sha256: and the 64 hexadecimal digits of its
   * SHA-256; in clear it is refused.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The request's body. Absent: the request must have none. Set type, and json or sha256 to match.
   */
  readonly body?: GrantBody;
}

/**
 * The request's body. Absent: the request must have none. Set type, and json or sha256 to match.
 */
export interface GrantBody {
  /**
   * How the body is compared. JSON: equal to the text in json, whatever the order of its members or
   * its spacing (RFC 8785); its canonical form is what is sent. SHA256: its bytes have this digest;
   * use it for what is not JSON or must not be readable here, such as a password. Any: every body
   * matches, of any size; listings show that it does.
   */
  readonly type: GrantBodyType;
  /**
   * The body as JSON text on one line, at most 32768 characters, as jq -c prints it: what people
   * read must not look like other fields. A line break in a value is the escape \n, and an
   * invisible character is an escape such as \u200b. It is text, and not an object, so that nulls
   * and large integers survive. Duplicate keys and numbers that a double cannot hold are refused.
   */
  readonly json?: string;
  /**
   * SHA-256 of the body's bytes, 64 lower-case hexadecimal digits. Of JSON also of its canonical
   * form (RFC 8785), and of a body in parts also of the form with the boundary that a refusal's
   * manifest is about; then that form is sent.
   */
  readonly sha256?: string;
}

/**
 * How the body is compared. JSON: equal to the text in json, whatever the order of its members or
 * its spacing (RFC 8785); its canonical form is what is sent. SHA256: its bytes have this digest;
 * use it for what is not JSON or must not be readable here, such as a password. Any: every body
 * matches, of any size; listings show that it does.
 */
export type GrantBodyType = 'JSON' | 'SHA256' | 'Any';

/**
 * One request to this cluster's API server, as the API server itself reads it (the attributes that
 * RBAC sees). What is not mentioned here, the request must not have. It needs spec.credential.
 */
export interface GrantKubernetesAction {
  /**
   * What is done. deletecollection is a DELETE without a name; apply is server-side apply, and
   * patch every other PATCH; exec into a pod is create on its subresource exec.
   */
  readonly verb: GrantKubernetesVerb;
  /**
   * API group of the resource, such as apps. Absent or empty: the core group (pods, secrets).
   * actiongrant.dev is refused.
   */
  readonly apiGroup?: string;
  /** API version of the resource, without its group: v1, v1beta1. */
  readonly version: string;
  /** The resource in plural and lower case, such as pods or deployments. */
  readonly resource: string;
  /**
   * Subresource, such as status, scale, eviction or exec. Absent: the resource itself. attach,
   * portforward, proxy and serviceaccounts/token are refused.
   */
  readonly subresource?: string;
  /**
   * Namespace of the object; it may be another than the grant's, as far as the credential's rights
   * reach. Absent: a cluster-scoped resource, or all namespaces. A request for a Namespace itself
   * has its name here and in name, as the API server reads it.
   */
  readonly namespace?: string;
  /**
   * Name of the one object. Required for get, update, patch, apply, delete and for every
   * subresource; absent for create. With list and watch it is the name that a fieldSelector on
   * metadata.name gives.
   */
  readonly name?: string;
  /**
   * Content type of the patch, required for the verb patch and only for it. JSON: RFC 6902. Merge:
   * RFC 7386. StrategicMerge: Kubernetes' own. Server-side apply is the verb apply.
   */
  readonly patchType?: GrantPatchType;
  /**
   * Query parameters of the request with their exact values, such as dryRun, fieldManager, force,
   * labelSelector or propagationPolicy. The request must have these and no others; one that is
   * given twice is refused.
   */
  readonly queryParameters?: Readonly<Record<string, string>>;
  /**
   * The request's body, for a DELETE its options too. Absent: the request must have none. Set type,
   * and json or sha256 to match.
   */
  readonly body?: GrantBody;
}

/**
 * What is done. deletecollection is a DELETE without a name; apply is server-side apply, and patch
 * every other PATCH; exec into a pod is create on its subresource exec.
 */
export type GrantKubernetesVerb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'apply'
  | 'delete'
  | 'deletecollection';

/**
 * Content type of the patch, required for the verb patch and only for it. JSON: RFC 6902. Merge:
 * RFC 7386. StrategicMerge: Kubernetes' own. Server-side apply is the verb apply.
 */
export type GrantPatchType = 'JSON' | 'Merge' | 'StrategicMerge';

/**
 * One tools/call request to an MCP server over HTTP. What is not mentioned here, the request must
 * not have.
 */
export interface GrantMcpAction {
  /**
   * URL of the MCP server's endpoint, under the same rules as http.url. https, or http if the grant
   * has no credential.
   */
  readonly url: string;
  /** Name of the tool, exactly as the server lists it. */
  readonly tool: string;
  /**
   * The tool's arguments as the text of one JSON object on one line, as jq -c prints it, at most
   * 32768 characters, compared by RFC 8785. Absent: the call must have none.
   */
  readonly arguments?: string;
}

/**
 * As whom the call is made. The agent never sees the credential: the sidecar adds it to the one
 * call, and it is revoked when the call is done. Absent: the call is made without one.
 */
export interface GrantCredential {
  /**
   * Kind of credential. ServiceAccountToken: a short-lived token of a ServiceAccount in the grant's
   * namespace.
   */
  readonly type: GrantCredentialType;
  /**
   * A token that is valid for one use and minutes at most, sent as Authorization Bearer. It is
   * bound to a Secret that exists only for this grant; deleting that Secret revokes it.
   */
  readonly serviceAccountToken?: ServiceAccountTokenCredential;
}

/**
 * Kind of credential. ServiceAccountToken: a short-lived token of a ServiceAccount in the grant's
 * namespace.
 */
export type GrantCredentialType = 'ServiceAccountToken';

/**
 * A token that is valid for one use and minutes at most, sent as Authorization Bearer. It is bound
 * to a Secret that exists only for this grant; deleting that Secret revokes it.
 */
export interface ServiceAccountTokenCredential {
  /**
   * Name of the ServiceAccount in the grant's namespace that the call acts as. Whoever approves the
   * grant must have the verb delegate on it.
   */
  readonly serviceAccountName: string;
  /**
   * Audience of the token, required for HTTP and MCP actions and absent for Kubernetes actions,
   * whose audience is always the API server's. It is what the called service checks, usually its
   * URL. The API server's own audience and actiongrant.dev are refused, so that the token is worth
   * nothing elsewhere.
   */
  readonly audience?: string;
}

/**
 * Who created the grant, written by admission from the request's authenticated user. Whatever a
 * payload says here is replaced, so leave it out.
 */
export interface GrantUser {
  /** The user's name as the API server authenticated it. */
  readonly username: string;
  /** The user's UID as the API server authenticated it; absent when it gave none. */
  readonly uid?: string;
}

/**
 * What has become of the grant. Written by the ActionGrant controller alone, and checked by rules
 * of the schema: phases move along one table, uses are only ever added, and an outcome never
 * changes.
 */
export interface ActionGrantStatus {
  /**
   * Where the grant stands. Pending: waits for a decision (way out: approve or deny it). Approved:
   * the agent may make the call once, when the condition Ready is True. InUse: the call is being
   * made. Finished: the call was made, or given up; see outcome. Denied: somebody said no. Expired:
   * a deadline passed first. Revoked: somebody took it back. The last four are final; create a new
   * grant to ask again.
   */
  readonly phase: Phase;
  /**
   * How the one call ended. It never changes once it is set. NotDispatched: not a byte of the
   * request was sent. Succeeded: the server answered that it did it. Failed: the server answered
   * that it did not. Unknown: the request may have taken effect and nobody can tell; look at the
   * called system before asking again, since it is never retried for you.
   */
  readonly outcome?: Outcome;
  /**
   * The action in one line of printable ASCII, at most 160 characters, such as POST
   * edr.example.com/v1/hosts/host-7/quarantine. For people to read; spec.action is what counts.
   */
  readonly summary?: string;
  /**
   * SHA-256 of the canonical form of spec.action, 64 hexadecimal digits. It never changes once it
   * is set. Audit lines carry the same digest.
   */
  readonly actionDigest?: string;
  /** Approvals given and needed, such as 1/2. */
  readonly approvals?: string;
  /**
   * When the grant became Approved. It never changes once it is set; a use that was given back does
   * not renew it.
   */
  readonly approvalTime?: string;
  /**
   * When the current deadline passes: while Pending that of the decision
   * (spec.decisionDeadlineSeconds), then that of the use (spec.useDeadlineSeconds). It never
   * changes once the grant is approved.
   */
  readonly expirationTime?: string;
  /**
   * When the grant became Finished, Denied, Expired or Revoked. It never changes once it is set;
   * spec.ttlSecondsAfterFinished counts from it.
   */
  readonly finishTime?: string;
  /**
   * What the next token is bound to. Absent for a grant without credential. It changes only when a
   * use is given back, since each attempt has a Secret of its own.
   */
  readonly credential?: BoundCredential;
  /**
   * Copies of the ActionDecisions about this grant, at most 16, one per decision. Entries are only
   * ever added.
   */
  readonly decisions?: readonly GrantDecision[];
  /**
   * Every time the grant was consumed, at most 4. Entries are only ever added, and what they say of
   * the beginning of a use never changes. More than one means that earlier ones ended NotDispatched
   * and were given back.
   */
  readonly uses?: readonly Use[];
  /**
   * Standard conditions, at most 8. Wait on Ready, then on Finished (kubectl wait
   * --for=condition=Ready); waiting on Approved hangs when the grant is denied.
   */
  readonly conditions?: readonly GrantCondition[];
}

/**
 * Where the grant stands. Pending: waits for a decision (way out: approve or deny it). Approved:
 * the agent may make the call once, when the condition Ready is True. InUse: the call is being
 * made. Finished: the call was made, or given up; see outcome. Denied: somebody said no. Expired: a
 * deadline passed first. Revoked: somebody took it back. The last four are final; create a new
 * grant to ask again.
 */
export type Phase =
  | 'Pending'
  | 'Approved'
  | 'InUse'
  | 'Finished'
  | 'Denied'
  | 'Expired'
  | 'Revoked';

/**
 * How the one call ended. It never changes once it is set. NotDispatched: not a byte of the request
 * was sent. Succeeded: the server answered that it did it. Failed: the server answered that it did
 * not. Unknown: the request may have taken effect and nobody can tell; look at the called system
 * before asking again, since it is never retried for you.
 */
export type Outcome = 'NotDispatched' | 'Succeeded' | 'Failed' | 'Unknown';

/**
 * What the next token is bound to. Absent for a grant without credential. It changes only when a
 * use is given back, since each attempt has a Secret of its own.
 */
export interface BoundCredential {
  /**
   * Name of the empty Secret, in the grant's namespace, that the token is bound to. Deleting it
   * revokes the token.
   */
  readonly secretName: string;
  /** metadata.uid of that Secret. Tokens are minted for this UID only. */
  readonly secretUID: string;
  /**
   * metadata.uid that the credential's ServiceAccount had at approval. If it has been re-created
   * since, nothing is minted; ask again with a new grant.
   */
  readonly serviceAccountUID: string;
}

/** One person's or policy's decision. */
export interface GrantDecision {
  /** metadata.uid of the ActionDecision. */
  readonly uid: string;
  /** metadata.name of the ActionDecision. */
  readonly name: string;
  /** What was decided. */
  readonly decision: Verdict;
  /** Who decided, as the API server authenticated them. */
  readonly decider: GrantUser;
  /** When the ActionDecision was created. */
  readonly time: string;
  /** What the decider wrote, one line of at most 1024 characters. */
  readonly justification?: string;
}

/** What was decided. */
export type Verdict = 'Approve' | 'Deny';

/** One use of the grant by one pod. */
export interface Use {
  /** The nonce that the sidecar made for the call, a random UUID. Never used twice. */
  readonly id: string;
  /**
   * A random UUID that the controller made for the one write that consumed the grant, never for a
   * second one. A replica that lost the answer to its write knows by it whether the write was its
   * own. Absent from uses that a controller of an earlier release recorded.
   */
  readonly attemptID?: string;
  /** Name of the pod that made the call. */
  readonly podName: string;
  /** metadata.uid of the pod that made the call. Only this pod can report its end. */
  readonly podUID: string;
  /** When the controller gave the grant to the call, by the controller's clock. */
  readonly startTime: string;
  /**
   * When the sidecar must have cut the call, by the controller's clock. Soon after it a use that
   * nobody ended is closed with outcome Unknown.
   */
  readonly deadlineTime: string;
  /**
   * When the use was recorded as ended. Absent while the call is being made. After it, only
   * credential.deletedTime and credential.rejectedTime can still be added.
   */
  readonly endTime?: string;
  /**
   * How this use ended; set together with endTime. NotDispatched: not a byte was sent, so the grant
   * may have been given back. Succeeded, Failed, Unknown: as in status.outcome.
   */
  readonly outcome?: Outcome;
  /** HTTP status code of the response, 100 to 599. Absent when there was none. */
  readonly responseCode?: number;
  /**
   * The token that this use was given; never the token itself. Absent for a grant without
   * credential.
   */
  readonly credential?: UseCredential;
}

/**
 * The token that this use was given; never the token itself. Absent for a grant without credential.
 */
export interface UseCredential {
  /**
   * The token's jti. The API server's audit log has it as
   * authentication.kubernetes.io/credential-id, after JTI=.
   */
  readonly id: string;
  /** Name of the Secret that the token is bound to. */
  readonly secretName: string;
  /** metadata.uid of the Secret that the token is bound to. */
  readonly secretUID: string;
  /**
   * When the Secret was known to be gone. API servers that have seen the token may accept it for up
   * to 10 seconds more.
   */
  readonly deletedTime?: string;
  /**
   * When the API server was seen to refuse the token. Absent: not confirmed; see the condition
   * CredentialRevoked.
   */
  readonly rejectedTime?: string;
  /**
   * When the token ends by itself. Services that check tokens offline, by the issuer's keys alone,
   * accept it until then, revoked or not.
   */
  readonly expirationTime: string;
}

/** One condition. */
export interface GrantCondition {
  /**
   * Approved: has it been decided, and how. Ready: may the agent make the call now.
   * CredentialRevoked: is the credential that was lent worthless again (absent: none was lent).
   * Finished: is the grant over, and how.
   */
  readonly type: GrantConditionType;
  /** Whether the condition holds. */
  readonly status: GrantConditionStatus;
  /**
   * Why, in one word for programs. Approved: ApprovedByRequester, DecidersApproved, PolicyApproved;
   * AwaitingDecision; Denied, DecisionDeadlineExceeded, Withdrawn. Ready: Usable; NotApproved,
   * ServiceAccountNotFound, SecretNotCreated, PolicyDenied, InUse, Finished. CredentialRevoked:
   * Confirmed, Unconfirmed; AwaitingConfirmation; Live, RevocationFailed. Finished: Succeeded,
   * Failed, OutcomeUnknown, Denied, Expired, Revoked; NotFinished.
   */
  readonly reason: string;
  /** Why, in a sentence for people, with the way out where there is one. */
  readonly message: string;
  /** When the condition's status last changed. */
  readonly lastTransitionTime: string;
  /** metadata.generation that the condition was set for; always 1, since spec is fixed. */
  readonly observedGeneration?: number;
}

/**
 * Approved: has it been decided, and how. Ready: may the agent make the call now.
 * CredentialRevoked: is the credential that was lent worthless again (absent: none was lent).
 * Finished: is the grant over, and how.
 */
export type GrantConditionType = 'Approved' | 'Ready' | 'CredentialRevoked' | 'Finished';

/** Whether the condition holds. */
export type GrantConditionStatus = 'True' | 'False' | 'Unknown';
