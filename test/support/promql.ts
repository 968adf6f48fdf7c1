/** Reads PromQL by Prometheus's own grammar, and says what in it is not so of the series that exist. */

import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** What is known of a series, by its name as it is scraped. */
export interface SeriesFacts {
  readonly type: 'counter' | 'gauge';
  /** Of each label, the values that it has. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

export type KnownSeries = ReadonlyMap<string, SeriesFacts>;

/** The functions that make of a counter something to look at. */
const OF_COUNTERS = ['rate', 'irate', 'increase'];

/**
 * Everything that is wrong; empty: nothing. `shown` are the labels that a legend or an alert's text takes from the result.
 */
export function promqlFaults(
  expression: string,
  known: KnownSeries,
  shown: readonly string[] = [],
): string[] {
  const { topNode } = parser.parse(expression);
  const text = (node: SyntaxNode): string => expression.slice(node.from, node.to);
  const broken = descendants(topNode).find(({ type }) => type.isError);
  if (broken !== undefined) return [`syntax error at ${broken.from}: ${expression}`];

  const selectors = descendants(topNode).filter(({ name }) => name === 'VectorSelector');
  const factsOf = (selector: SyntaxNode): SeriesFacts | undefined =>
    known.get(text(child(selector, 'Identifier')));
  const labelsBelow = (node: SyntaxNode): Set<string>[] =>
    descendants(node)
      .filter(({ name }) => name === 'VectorSelector')
      .map((selector) => new Set(factsOf(selector)?.labels.keys()));
  const functionOf = (call: SyntaxNode): string => text(child(call, 'FunctionIdentifier'));

  const unknown = selectors
    .filter((selector) => factsOf(selector) === undefined)
    .map((selector) => `no series ${text(child(selector, 'Identifier'))}`);
  if (selectors.length === 0) return ['no series at all'];
  if (unknown.length > 0) return unknown;

  const matchers = selectors.flatMap((selector) =>
    descendants(selector)
      .filter(({ name }) => name === 'UnquotedLabelMatcher')
      .flatMap((matcher) => {
        const label = text(child(matcher, 'LabelName'));
        const values = factsOf(selector)?.labels.get(label);
        if (values === undefined) return [`no label ${label} of ${text(selector)}`];
        const operator = text(child(matcher, 'MatchOp'));
        const wanted = JSON.parse(text(child(matcher, 'StringLiteral'))) as string;
        const isMatch = operator.includes('~')
          ? (value: string) => new RegExp(`^(?:${wanted})$`).test(value)
          : (value: string) => value === wanted;
        return [...values].some(isMatch) ? [] : [`no value ${wanted} of ${label}`];
      }),
  );

  const groupings = descendants(topNode)
    .filter(({ name }) => name === 'AggregateExpr')
    .flatMap((aggregate) =>
      groupedBy(aggregate, text)
        .filter((label) => !labelsBelow(aggregate).every((labels) => labels.has(label)))
        .map((label) => `no label ${label} of what is in ${text(aggregate)}`),
    );

  const counters = selectors.flatMap((selector) => {
    const caller = callers(selector).map(functionOf)[0] ?? '';
    const isCounter = factsOf(selector)?.type === 'counter';
    // Whether it is there at all can be asked of both.
    if (caller.startsWith('absent')) return [];
    if (isCounter === OF_COUNTERS.includes(caller)) return [];
    return [`${text(selector)} is a ${isCounter ? 'counter' : 'gauge'}, in ${caller || 'nothing'}`];
  });

  const quantiles = descendants(topNode)
    .filter((node) => node.name === 'FunctionCall' && functionOf(node) === 'histogram_quantile')
    .filter((call) => !descendants(call).some((node) => groupedBy(node, text).includes('le')))
    .map((call) => `${text(call)} has no le left`);

  /** undefined: a scalar, which has none and takes none away. */
  const resultLabels = (node: SyntaxNode): string[] | undefined => {
    if (node.name === 'VectorSelector') return [...(factsOf(node)?.labels.keys() ?? [])];
    if (node.name === 'AggregateExpr') return groupedBy(node, text);
    const [first, ...others] = children(node)
      .map(resultLabels)
      .filter((labels) => labels !== undefined);
    if (first === undefined) return undefined;
    const called = node.name === 'FunctionCall' ? functionOf(node) : '';
    if (called.startsWith('absent')) return [];
    return first.filter(
      (label) =>
        others.every((labels) => labels.includes(label)) &&
        !(called === 'histogram_quantile' && label === 'le'),
    );
  };
  const missing = shown
    .filter((label) => resultLabels(topNode)?.includes(label) !== true)
    .map((label) => `no label ${label} in the result of ${expression}`);

  return [...matchers, ...groupings, ...counters, ...quantiles, ...missing];
}

/** The labels of `by`; none without one. @throws Error for `without`, of which nothing can be said here */
function groupedBy(node: SyntaxNode, text: (node: SyntaxNode) => string): string[] {
  const modifier = node.name === 'AggregateExpr' ? node.getChild('AggregateModifier') : null;
  if (modifier === null) return [];
  if (modifier.getChild('By') === null) throw new Error(`not known how to read ${text(node)}`);
  return child(modifier, 'GroupingLabels').getChildren('LabelName').map(text);
}

function children(node: SyntaxNode): SyntaxNode[] {
  const all: SyntaxNode[] = [];
  for (let next = node.firstChild; next !== null; next = next.nextSibling) all.push(next);
  return all;
}

/** The node itself, and all below it. */
function descendants(node: SyntaxNode): SyntaxNode[] {
  return [node, ...children(node).flatMap(descendants)];
}

/** The calls of functions that it is in, the innermost first. */
function callers(node: SyntaxNode): SyntaxNode[] {
  if (node.parent === null) return [];
  return [...(node.parent.name === 'FunctionCall' ? [node.parent] : []), ...callers(node.parent)];
}

function child(node: SyntaxNode, name: string): SyntaxNode {
  const found = node.getChild(name);
  if (found === null) throw new Error(`no ${name} in a ${node.name}`);
  return found;
}
