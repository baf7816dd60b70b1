// Node selectors: which nodes a Pod may, or would rather, be on.
import { expressionOperators, labelMatcher } from './selectors.ts';
import type { Node, PodSpec } from './types.ts';

export type NodeTest = (node: Node) => boolean;

type NodeAffinity = NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>;
type Required = NonNullable<NodeAffinity['requiredDuringSchedulingIgnoredDuringExecution']>;
type Term = Required['nodeSelectorTerms'][number];
type Expression = NonNullable<Term['matchExpressions']>[number];

/** Both must hold; undefined when neither is given. */
export function nodeTest(nodeSelector: Readonly<Record<string, string>> | undefined, required: Required | undefined): NodeTest | undefined {
  const wanted = Object.entries(nodeSelector ?? {});
  const terms = required?.nodeSelectorTerms.map(termTest);
  if (wanted.length === 0 && !terms) return undefined;
  return (node) => wanted.every(([key, value]) => node.metadata.labels?.[key] === value) && (!terms || terms.some((test) => test(node)));
}

/** The nodes that all terms together name; undefined when one of them names none. */
export function namedNodes(required: Required | undefined): ReadonlySet<string> | undefined {
  if (!required?.nodeSelectorTerms.length) return undefined;
  const named = new Set<string>();
  for (const { matchFields = [] } of required.nodeSelectorTerms) {
    const lists = matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In').map(({ values = [] }) => values);
    if (lists.length === 0) return undefined;
    for (const name of lists[0]!) if (lists.every((list) => list.includes(name))) named.add(name);
  }
  return named;
}

/** All expressions of a term must hold; an empty term matches no node. */
export function termTest({ matchExpressions = [], matchFields = [] }: Term): NodeTest {
  if (matchExpressions.length === 0 && matchFields.length === 0) return () => false;
  const labels = labelMatcher(matchExpressions.map(requirement));
  const fields = labelMatcher(matchFields.map(requirement));
  return ({ metadata }) => labels.matches(metadata.labels) && (matchFields.length === 0 || fields.matches({ 'metadata.name': metadata.name }));
}

function requirement({ key, operator, values = [] }: Expression) {
  return { key, operator: expressionOperators[operator] ?? ('nothing' as const), values };
}
