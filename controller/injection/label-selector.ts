/** Label selectors, as the API server matches them (metav1.LabelSelector). */

import { isRecord } from '../../core/text/json.ts';

export interface LabelSelector {
  matchLabels?: Readonly<Record<string, string>>;
  matchExpressions?: readonly LabelRequirement[];
}

export interface LabelRequirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: readonly string[];
}

/** Whether it selects an object with these labels. An empty selector selects everything. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every((requirement) => meets(labels[requirement.key], requirement))
  );
}

function meets(value: string | undefined, { operator, values = [] }: LabelRequirement): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** Whether a value from outside is a selector that the API server would take too. */
export function isLabelSelector(value: unknown): value is LabelSelector {
  if (!isRecord(value)) return false;
  const { matchLabels = {}, matchExpressions = [], ...others } = value;
  return (
    Object.keys(others).length === 0 &&
    isRecord(matchLabels) &&
    Object.values(matchLabels).every((label) => typeof label === 'string') &&
    Array.isArray(matchExpressions) &&
    matchExpressions.every(isRequirement)
  );
}

function isRequirement(value: unknown): value is LabelRequirement {
  if (!isRecord(value)) return false;
  const { key, operator, values = [], ...others } = value;
  if (
    Object.keys(others).length > 0 ||
    typeof key !== 'string' ||
    !Array.isArray(values) ||
    !values.every((item) => typeof item === 'string')
  ) {
    return false;
  }
  const takesValues = operator === 'In' || operator === 'NotIn';
  const takesNone = operator === 'Exists' || operator === 'DoesNotExist';
  return (takesValues && values.length > 0) || (takesNone && values.length === 0);
}
