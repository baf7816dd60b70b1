// Making Pods from a template, carefully at first.
import type { New, OwnerReference, Pod } from '../../api/types.ts';
import type { ReplicaOwner } from './owner.ts';

export function podFromTemplate(owner: ReplicaOwner, reference: OwnerReference): New<Pod> {
  const { metadata, spec } = owner.spec.template ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace,
      labels: metadata?.labels,
      annotations: metadata?.annotations,
      finalizers: metadata?.finalizers,
      ownerReferences: [reference],
    },
    spec: spec!,
  };
}

/**
 * Does `make` `count` times: first once, then twice at once, then four times … and stops after a round in which one
 * failed, throwing its error. What would be refused a thousand times is so refused once.
 */
export async function slowly(count: number, make: () => Promise<void>): Promise<void> {
  for (let left = count, round = 1; left > 0; left -= round, round *= 2) {
    const results = await Promise.allSettled(Array.from({ length: Math.min(round, left) }, make));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
