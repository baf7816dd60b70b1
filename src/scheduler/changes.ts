// What in a change of the world could make room for a Pod that waits.
import { sameJson } from '../api/meta.ts';
import type { Node } from '../api/types.ts';
import type { ClusterChange } from './filters/filter.ts';

export function nodeChanges(before: Node | undefined, after: Node | undefined): readonly ClusterChange[] {
  if (!after) return [];
  if (!before) return ['node-added'];
  const changes: ClusterChange[] = [];
  if (!sameJson(before.status.allocatable, after.status.allocatable)) changes.push('node-resources');
  if (!sameJson(before.metadata.labels, after.metadata.labels)) changes.push('node-labels');
  if (!sameJson(before.spec.taints, after.spec.taints)) changes.push('node-taints');
  if (!!before.spec.unschedulable !== !!after.spec.unschedulable) changes.push('node-unschedulable');
  return changes;
}
