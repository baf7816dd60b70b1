import { best, type Score } from './score.ts';

/** Cpu and memory should be used up evenly, lest one is left over without the other. */
export const balanced: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  scale: 'raw',
  prepare: ({ requests }) => {
    if (!requests.cpu && !requests.memory) return undefined;
    return (node) => {
      const shares: number[] = [];
      for (const name of ['cpu', 'memory'] as const) {
        const most = node.allocatable[name] ?? 0;
        if (most > 0) shares.push(Math.min(1, ((node.requested[name] ?? 0) + (requests[name] ?? 0)) / most));
      }
      const spread = shares.length === 2 ? Math.abs(shares[0]! - shares[1]!) / 2 : 0;
      return Math.floor((1 - spread) * best);
    };
  },
};
