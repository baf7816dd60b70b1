// Terms of Pod affinity: which Pods are meant, and what counts as near them.
import { labelSelectorOf, type LabelMatcher } from '../api/selectors.ts';
import type { LabelSelector, Pod, PodSpec } from '../api/types.ts';
import { anchorOf, type Meaning } from './pod-counts.ts';

type PodAffinity = NonNullable<NonNullable<PodSpec['affinity']>['podAffinity']>;
export type WireTerm = NonNullable<PodAffinity['requiredDuringSchedulingIgnoredDuringExecution']>[number];

export interface Term extends Meaning {
  /** The node label whose value names a place: nodes with the same value are near each other. */
  readonly topologyKey: string;
}

export interface WeightedTerm {
  readonly term: Term;
  /** Below zero: rather not near. */
  readonly weight: number;
}

/** All that a Pod says of other Pods, read once. */
export interface Affinity {
  readonly near: readonly Term[];
  readonly away: readonly Term[];
  readonly likes: readonly WeightedTerm[];
}

/** Undefined: it says nothing. */
export function affinityOf(pod: Pod): Affinity | undefined {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (!podAffinity && !podAntiAffinity) return undefined;
  const terms = (wire: readonly WireTerm[] = []) => wire.map((term) => termOf(term, pod));
  return {
    near: terms(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    away: terms(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    likes: [
      ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({ weight, term: termOf(podAffinityTerm, pod) })),
      ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({ weight: -weight, term: termOf(podAffinityTerm, pod) })),
    ],
  };
}

function termOf(term: WireTerm, owner: Pod): Term {
  const selector = labelSelectorOf(withOwnLabels(term, owner));
  const byLabel = term.namespaceSelector ? labelSelectorOf(term.namespaceSelector) : undefined;
  const named = term.namespaces?.length ? [...term.namespaces].sort() : byLabel ? [] : [owner.metadata.namespace ?? ''];
  return {
    topologyKey: term.topologyKey,
    key: `${named.join()}|${byLabel ? textOf(byLabel) : '-'}|${textOf(selector)}`,
    namespaces: byLabel ? undefined : named,
    anchor: anchorOf(selector),
    matches({ metadata }, labelsOfNamespace) {
      const namespace = metadata.namespace ?? '';
      return (named.includes(namespace) || (byLabel?.matches(labelsOfNamespace(namespace)) ?? false)) && selector.matches(metadata.labels);
    },
  };
}

/** Two selectors with the same text select the same. */
export function textOf(selector: LabelMatcher): string {
  return selector.requirements ? selector.toString() : '!';
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
