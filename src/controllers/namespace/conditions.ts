// What a Namespace that ends says about what is left in it, in Kubernetes' words.
import { withCondition } from '../../api/meta.ts';
import type { Resource } from '../../api/kind.ts';
import type { KubeObject, Namespace } from '../../api/types.ts';

type Conditions = NonNullable<Namespace['status']['conditions']>;

export interface Remaining {
  readonly resource: Resource;
  readonly objects: readonly KubeObject[];
}

/** `failure`: what went wrong while the content was deleted. `unknown`: versions of which nobody can tell now what they have. */
export function endingConditions(before: Conditions | undefined, remaining: readonly Remaining[], failure: string | undefined, unknown: readonly string[], nowMs: number): Conditions {
  const finalizers = new Map<string, number>();
  for (const { objects } of remaining) for (const { metadata } of objects) for (const name of metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  const left = remaining.filter(({ objects }) => objects.length > 0).map(({ resource, objects }) => `${resource.plural}.${resource.group} has ${objects.length} resource instances`);
  const held = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`);
  const said: readonly (readonly [type: string, isTrue: boolean, reason: string, message: string])[] = [
    unknown.length > 0
      ? ['NamespaceDeletionDiscoveryFailure', true, 'DiscoveryFailed', `Discovery failed for some groups, ${unknown.length} failing: unable to retrieve the complete list of server APIs: ${unknown.map((one) => `${one}: stale GroupVersion discovery: ${one}`).join(', ')}`]
      : ['NamespaceDeletionDiscoveryFailure', false, 'ResourcesDiscovered', 'All resources successfully discovered'],
    ['NamespaceDeletionGroupVersionParsingFailure', false, 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
    failure
      ? ['NamespaceDeletionContentFailure', true, 'ContentDeletionFailed', `Failed to delete all resource types, 1 remaining: ${failure}`]
      : ['NamespaceDeletionContentFailure', false, 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
    left.length > 0
      ? ['NamespaceContentRemaining', true, 'SomeResourcesRemain', `Some resources are remaining: ${left.join(', ')}`]
      : ['NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed'],
    held.length > 0
      ? ['NamespaceFinalizersRemaining', true, 'SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${held.join(', ')}`]
      : ['NamespaceFinalizersRemaining', false, 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
  ];
  let conditions: readonly Conditions[number][] = before ?? [];
  for (const [type, isTrue, reason, message] of said) conditions = withCondition(conditions, { type, status: isTrue ? 'True' : 'False', reason, message }, nowMs);
  return conditions as Conditions;
}
