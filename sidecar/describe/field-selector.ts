/** Kubernetes field selectors (k8s.io/apimachinery pkg/fields/selector.go), as far as they can name one object. */

import { ProblemError } from '../../core/api/problem.ts';
import { printable } from '../../core/text/url.ts';

/** `!=` and `==` come before `=`, as in the original. */
const TERM = /^(.*?)(!=|==|=)(.*)$/su;

/**
 * The name that a selector requires, or the empty string: to the API server a list with `metadata.name=x` is a list of x,
 * and RBAC's resourceNames apply.
 * @throws ProblemError KubernetesRequestRefused for a selector that the API server would not read, or with two names
 */
export function requiredName(selector: string): string {
  const names = splitTerms(selector)
    .filter((term) => term !== '')
    .map(parseTerm)
    .filter(({ field, operator }) => field === 'metadata.name' && operator !== '!=');
  if (names.length > 1) throw refuse('it requires metadata.name more than once');
  return names[0]?.value ?? '';
}

/** The selector that requires one name. */
export function selectName(name: string): string {
  return `metadata.name=${name.replace(/[\\,=]/g, (c) => `\\${c}`)}`;
}

/** At commas that no backslash precedes. */
function splitTerms(selector: string): string[] {
  const terms = [''];
  let escaped = false;
  for (const c of selector) {
    if (c === ',' && !escaped) {
      terms.push('');
    } else {
      terms.push((terms.pop() ?? '') + c);
    }
    escaped = c === '\\' && !escaped;
  }
  return terms;
}

function parseTerm(term: string): { field: string; operator: string; value: string } {
  const [, field, operator, escaped] = TERM.exec(term) ?? [];
  if (field === undefined || operator === undefined || escaped === undefined) {
    throw refuse(`"${printable(term, 64)}" has no operator`);
  }
  if (!/^(?:[^\\,=]|\\[\\,=])*$/su.test(escaped)) {
    throw refuse(`"${printable(escaped, 64)}" has a wrong escape, or a comma or = without one`);
  }
  return { field, operator, value: escaped.replace(/\\(.)/gsu, '$1') };
}

function refuse(reason: string): ProblemError {
  return new ProblemError('KubernetesRequestRefused', `Query parameter fieldSelector: ${reason}.`, {
    field: 'fieldSelector',
  });
}
