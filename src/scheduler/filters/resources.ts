import { isBeingDeleted } from '../../api/meta.ts';
import type { NodeView } from '../node-view.ts';
import type { PodNeeds } from '../pod-needs.ts';
import type { Filter } from './filter.ts';

/** Requests are never over-committed: what is asked for must be left of what the node can give. */
export const resources: Filter = {
  name: 'NodeResourcesFit',
  isLocal: true,
  wokenBy: ['node-added', 'node-resources', 'pod-left'],
  mayHelp: (_, { node }, needs) => !node || couldFit(needs, node),
  prepare({ requests }) {
    const names = Object.keys(requests);
    return (node) => {
      const { allocatable, requested } = node;
      let reasons: string[] | undefined;
      let isFinal = false;
      if (node.pods.size + 1 > (allocatable.pods ?? 0)) reasons = ['Too many pods'];
      for (const name of names) {
        const wanted = requests[name]!;
        const most = allocatable[name] ?? 0;
        if (wanted <= most - (requested[name] ?? 0)) continue;
        (reasons ??= []).push(`Insufficient ${name}`);
        if (wanted > most) isFinal = true;
      }
      return reasons && { reasons, isFinal };
    };
  },
};

/** Whether there is room now, or would be without the Pods that it may push out. Those on their way out already are waited for. */
function couldFit({ requests, priority, pod }: PodNeeds, node: NodeView): boolean {
  const { allocatable, requested, pods } = node;
  const mayPush = pod.spec.preemptionPolicy !== 'Never' && node.hasLesser(priority);
  const lesser = mayPush ? [...pods.values()].filter((other) => other.priority < priority && !isBeingDeleted(other.pod)) : [];
  if (pods.size - lesser.length + 1 > (allocatable.pods ?? 0)) return false;
  for (const name in requests) {
    let left = (allocatable[name] ?? 0) - (requested[name] ?? 0);
    for (const other of lesser) left += other.requests[name] ?? 0;
    if (requests[name]! > left) return false;
  }
  return true;
}
