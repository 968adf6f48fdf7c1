/** Which members of a rule go together: a table of what is wrong, with the way out. */

import type { Findings } from './finding.ts';
import type { PolicyRule } from './policy.ts';

interface Check {
  /** Of the rule; empty for the rule itself. */
  readonly field: string;
  readonly isWrong: (rule: PolicyRule) => boolean;
  readonly reason: string;
  readonly wayOut: string;
}

const NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** RFC 6901. */
const POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/;
const HEADER = /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
const lends = ({ effect }: PolicyRule): boolean => effect === 'Grant' || effect === 'Ask';
const between = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

const CHECKS: readonly Check[] = [
  {
    field: '.name',
    isWrong: ({ name }) => !NAME.test(name),
    reason: 'is no name',
    wayOut: 'write lower-case letters, digits and "-", at most 63, such as open-pull-request',
  },
  {
    field: '',
    isWrong: ({ http, kubernetes, tcp }) =>
      [http, kubernetes, tcp].filter((kind) => kind !== undefined).length !== 1,
    reason: 'has not exactly one of http, kubernetes and tcp',
    wayOut: 'describe the calls in one of them, and write another rule for another kind',
  },
  {
    field: '.effect',
    isWrong: (rule) => rule.tcp !== undefined && lends(rule),
    reason: 'is Grant or Ask, and no single call can be told from the bytes of a connection',
    wayOut: 'write Allow or Deny',
  },
  {
    field: '.when',
    isWrong: ({ tcp, when }) => tcp !== undefined && when !== undefined,
    reason: 'is set in a tcp rule, which has nothing to evaluate',
    wayOut: 'remove the field',
  },
  {
    field: '.effect',
    isWrong: ({ kubernetes, effect }) => kubernetes !== undefined && effect === 'Allow',
    reason: 'is Allow, and an agent has no token for the API server',
    wayOut: 'write Grant, with a credential and a budget',
  },
  {
    field: '.credential',
    isWrong: (rule) =>
      rule.kubernetes !== undefined &&
      lends(rule) &&
      rule.credential?.type !== 'ServiceAccountToken',
    reason: 'is not of type ServiceAccountToken, without which the API server takes no call',
    wayOut: 'name the ServiceAccount that the calls act as',
  },
  {
    field: '.credential',
    isWrong: ({ effect, credential }) =>
      credential !== undefined &&
      (effect === 'Deny' || (effect === 'Allow' && credential.type !== 'Issuer')),
    reason: 'is lent by a rule that makes no grant',
    wayOut: 'write Grant, remove the field, or for Allow name an issuer of type Secret',
  },
  {
    field: '.credential.serviceAccountToken.audience',
    isWrong: ({ kubernetes, credential }) =>
      credential?.type === 'ServiceAccountToken' &&
      (kubernetes !== undefined) === (credential.serviceAccountToken.audience !== undefined),
    reason: 'must be there for HTTP calls, and absent for calls to the API server',
    wayOut: 'write the audience that the called service accepts, or remove the field',
  },
  {
    field: '.http.scheme',
    isWrong: ({ http, credential }) => http?.scheme === 'HTTP' && credential !== undefined,
    reason: 'is HTTP, and a credential is never sent in clear text',
    wayOut: 'write HTTPS, or remove the credential',
  },
  {
    field: '.tcp',
    isWrong: ({ tcp, credential }) => tcp !== undefined && credential !== undefined,
    reason: 'is set beside a credential, which nobody can place there',
    wayOut: 'remove the credential',
  },
  {
    field: '.budget',
    isWrong: ({ effect, budget }) => (effect === 'Grant') !== (budget !== undefined),
    reason: 'must be there for Grant, and only there',
    wayOut: 'say how many grants there may be in which period, or remove the field',
  },
  {
    field: '.budget',
    isWrong: ({ budget }) =>
      budget !== undefined &&
      !(between(budget.uses, 1, 10_000) && between(budget.periodSeconds, 60, 2_592_000)),
    reason: 'is out of its bounds',
    wayOut: 'write 1 to 10000 uses in 60 to 2592000 seconds',
  },
  {
    field: '.ask',
    isWrong: ({ effect, ask }) => ask !== undefined && effect !== 'Ask',
    reason: 'is set for another effect',
    wayOut: 'write Ask as the effect, or remove the field',
  },
  {
    field: '.ask',
    isWrong: ({ ask }) =>
      ask !== undefined &&
      !(
        between(ask.approvals, 1, 5) &&
        between(ask.holdSeconds, 0, 300) &&
        between(ask.decisionDeadlineSeconds, 30, 604_800)
      ),
    reason: 'is out of its bounds',
    wayOut: 'write 1 to 5 approvals, 0 to 300 holdSeconds, 30 to 604800 decisionDeadlineSeconds',
  },
  {
    field: '.ask.redact',
    isWrong: ({ ask }) => !(ask?.redact ?? []).every((pointer) => POINTER.test(pointer)),
    reason: 'has a text that is no JSON pointer (RFC 6901)',
    wayOut: 'write each such as /password or /items/0/token',
  },
  {
    field: '.ask.bot',
    isWrong: ({ ask }) => ask?.bot !== undefined && ask.approvals < 2,
    reason: 'would approve alone',
    wayOut: 'write at least 2 approvals, or remove the field',
  },
  {
    field: '.passHeaders',
    isWrong: ({ passHeaders = [], effect, credential, http }) =>
      passHeaders.length > 0 &&
      (effect !== 'Allow' ||
        credential !== undefined ||
        http === undefined ||
        http.hosts.some((host) => host.includes('*'))),
    reason: "lets the agent's own credentials go to where nobody wrote down",
    wayOut: 'use it for Allow without credential, and with exact hosts',
  },
  {
    field: '.passHeaders',
    isWrong: ({ passHeaders = [] }) => !passHeaders.every((name) => HEADER.test(name)),
    reason: 'has a text that is no name of a header',
    wayOut: 'write each in lower case, such as authorization',
  },
];

/** Whether the rest of the rule can be read. */
export function checkShape(rule: PolicyRule, field: string, findings: Findings): boolean {
  const before = findings.errors.length;
  for (const { field: member, isWrong, reason, wayOut } of CHECKS) {
    if (isWrong(rule)) findings.error(`${field}${member}`, reason, wayOut);
  }
  return findings.errors.length === before;
}
