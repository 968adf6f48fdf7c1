/** For whom a policy is. */

import type { Agent } from './call/agent.ts';
import type { LabelExpression, LabelSelector, PolicyAgents } from './policy.ts';

export function selectsAgent(agents: PolicyAgents, agent: Agent): boolean {
  const names = agents.serviceAccountNames ?? [];
  return (
    selectsLabels(agents.namespaceSelector, agent.namespaceLabels) &&
    (names.length === 0 || names.includes(agent.serviceAccountName))
  );
}

/** As k8s.io/apimachinery does it: NotIn and DoesNotExist hold for what has no such label. */
function selectsLabels(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: ReadonlyMap<string, string>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels.get(key) === value) &&
    matchExpressions.every((expression) => holds(expression, labels.get(expression.key)))
  );
}

function holds({ operator, values = [] }: LabelExpression, label: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return label !== undefined && values.includes(label);
    case 'NotIn':
      return label === undefined || !values.includes(label);
    case 'Exists':
      return label !== undefined;
    case 'DoesNotExist':
      return label === undefined;
  }
}
