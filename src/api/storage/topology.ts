// Where a volume can be reached from: node selectors of volumes, and the topologies that a class allows.
import { expressionOperators, labelMatcher } from '../selectors.ts';
import type { Node, NodeSelector, PersistentVolume, StorageClass } from '../types.ts';

type Place = Pick<Node, 'metadata'>;
type Term = NodeSelector['nodeSelectorTerms'][number];

/** One of the terms must hold; an empty term holds nowhere. */
export function reachesNode({ spec }: PersistentVolume, node: Place): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
  return !terms || terms.some((term) => holds(term, node));
}

export function classAllows({ allowedTopologies }: StorageClass, { metadata }: Place): boolean {
  if (!allowedTopologies?.length) return true;
  return allowedTopologies.some(({ matchLabelExpressions = [] }) => matchLabelExpressions.every(({ key, values }) => values.includes(metadata.labels?.[key] ?? '')));
}

function holds({ matchExpressions = [], matchFields = [] }: Term, { metadata }: Place): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = labelMatcher(matchExpressions.map(requirement));
  const fields = labelMatcher(matchFields.map(requirement));
  return labels.matches(metadata.labels) && (matchFields.length === 0 || fields.matches({ 'metadata.name': metadata.name }));
}

function requirement({ key, operator, values = [] }: NonNullable<Term['matchExpressions']>[number]) {
  return { key, operator: expressionOperators[operator] ?? ('nothing' as const), values };
}
