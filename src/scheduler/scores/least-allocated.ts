import { best, each, type Score } from './score.ts';

/** The emptier the better. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  rate: each(1, ({ scored }) => {
    const { cpu = 0, memory = 0 } = scored;
    return (node) => {
      const { allocatable } = node;
      const parts = Number(!!allocatable.cpu) + Number(!!allocatable.memory);
      if (parts === 0) return 0;
      return Math.floor((free(allocatable.cpu, (node.scored.cpu ?? 0) + cpu) + free(allocatable.memory, (node.scored.memory ?? 0) + memory)) / parts);
    };
  }),
};

function free(most: number | undefined, used: number): number {
  return !most || used > most ? 0 : Math.floor(((most - used) * best) / most);
}
