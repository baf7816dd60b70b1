import { tolerates } from '../taints.ts';
import type { Score } from './score.ts';

/** Taints that only ask Pods to stay away count against a node. */
export const preferredTaints: Score = {
  name: 'TaintToleration',
  weight: 3,
  scale: 'inverse',
  prepare: ({ tolerations }) => {
    const soft = tolerations.filter(({ effect }) => !effect || effect === 'PreferNoSchedule');
    return ({ taints }) => taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !tolerates(soft, taint)).length;
  },
};
