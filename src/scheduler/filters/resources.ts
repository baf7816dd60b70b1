import type { Filter } from './filter.ts';

/** Requests are never over-committed: what is asked for must be left of what the node can give. */
export const resources: Filter = {
  name: 'NodeResourcesFit',
  wokenBy: ['node-added', 'node-resources', 'pod-left'],
  prepare: ({ requests }) => (node) => {
    const { allocatable, requested } = node;
    let reasons: string[] | undefined;
    let isFinal = false;
    if (node.pods.size + 1 > (allocatable.pods ?? 0)) reasons = ['Too many pods'];
    for (const name in requests) {
      const wanted = requests[name]!;
      const most = allocatable[name] ?? 0;
      if (wanted <= most - (requested[name] ?? 0)) continue;
      (reasons ??= []).push(`Insufficient ${name}`);
      if (wanted > most) isFinal = true;
    }
    return reasons && { reasons, isFinal };
  },
};
