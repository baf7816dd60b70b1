// Terms of Pod affinity: which Pods are meant, and what counts as near them.
import { labelSelectorOf } from '../api/selectors.ts';
import type { LabelSelector, Pod, PodSpec } from '../api/types.ts';

type PodAffinity = NonNullable<NonNullable<PodSpec['affinity']>['podAffinity']>;
export type WireTerm = NonNullable<PodAffinity['requiredDuringSchedulingIgnoredDuringExecution']>[number];

export interface Term {
  /** The node label whose value names a place: nodes with the same value are near each other. */
  readonly topologyKey: string;
  matches(other: Pod): boolean;
}

/** `labelsOfNamespace` is asked only when the term chooses namespaces by label. */
export function termOf(term: WireTerm, owner: Pod, labelsOfNamespace: (name: string) => Readonly<Record<string, string>> | undefined): Term {
  const selector = labelSelectorOf(withOwnLabels(term, owner));
  const byLabel = term.namespaceSelector ? labelSelectorOf(term.namespaceSelector) : undefined;
  const named = term.namespaces?.length ? term.namespaces : byLabel ? [] : [owner.metadata.namespace ?? ''];
  return {
    topologyKey: term.topologyKey,
    matches: ({ metadata }) => {
      const namespace = metadata.namespace ?? '';
      return (named.includes(namespace) || (byLabel?.matches(labelsOfNamespace(namespace)) ?? false)) && selector.matches(metadata.labels);
    },
  };
}

/** matchLabelKeys and mismatchLabelKeys take the values from the Pod itself. */
export function withOwnLabels(term: Pick<WireTerm, 'labelSelector' | 'matchLabelKeys' | 'mismatchLabelKeys'>, owner: Pod): LabelSelector | undefined {
  if (!term.labelSelector || (!term.matchLabelKeys?.length && !term.mismatchLabelKeys?.length)) return term.labelSelector;
  const own = owner.metadata.labels ?? {};
  const added = (keys: readonly string[] | undefined, operator: string) =>
    (keys ?? []).filter((key) => key in own).map((key) => ({ key, operator, values: [own[key]!] }));
  return {
    ...term.labelSelector,
    matchExpressions: [...(term.labelSelector.matchExpressions ?? []), ...added(term.matchLabelKeys, 'In'), ...added(term.mismatchLabelKeys, 'NotIn')],
  };
}
