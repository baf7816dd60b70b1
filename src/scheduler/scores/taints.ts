import { tolerates } from '../../api/taints.ts';
import { share, type Score } from './score.ts';

/** Taints that only ask Pods to stay away count against a node. */
export const preferredTaints: Score = {
  name: 'TaintToleration',
  weight: 3,
  rate: share(3, true, ({ tolerations }) => {
    const soft = tolerations.filter(({ effect }) => !effect || effect === 'PreferNoSchedule');
    return ({ taints }) => (taints.length === 0 ? 0 : taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !tolerates(soft, taint)).length);
  }),
};
