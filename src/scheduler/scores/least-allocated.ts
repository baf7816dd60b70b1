import { best, type Score } from './score.ts';

/** The emptier the better. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  scale: 'raw',
  prepare: ({ scored }) => (node) => {
    let sum = 0;
    let weights = 0;
    for (const name of ['cpu', 'memory'] as const) {
      const most = node.allocatable[name] ?? 0;
      if (most === 0) continue;
      weights++;
      const used = (node.scored[name] ?? 0) + scored[name]!;
      if (used <= most) sum += Math.floor(((most - used) * best) / most);
    }
    return weights === 0 ? 0 : Math.floor(sum / weights);
  },
};
