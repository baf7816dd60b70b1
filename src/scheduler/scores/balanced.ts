import { best, each, type Score } from './score.ts';

/** Cpu and memory should be used up evenly, lest one is left over without the other. */
export const balanced: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  rate: each(1, ({ requests }) => {
    const { cpu = 0, memory = 0 } = requests;
    // Those that ask for nothing would all be sent to the same node.
    if (cpu === 0 && memory === 0) return undefined;
    return ({ allocatable, requested }) => {
      if (!allocatable.cpu || !allocatable.memory) return best;
      const cpuShare = Math.min(1, ((requested.cpu ?? 0) + cpu) / allocatable.cpu);
      const memoryShare = Math.min(1, ((requested.memory ?? 0) + memory) / allocatable.memory);
      return Math.floor((1 - Math.abs(cpuShare - memoryShare) / 2) * best);
    };
  }),
};
