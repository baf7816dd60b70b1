// From the value of a metric that is not of Pods, or is one for all of them, to how many Pods there should be.
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
import { conditionOf } from '../../api/meta.ts';
import type { Pod } from '../../api/types.ts';
import { isWithin, type Tolerance } from './measure.ts';

export interface Proposal {
  readonly replicas: number;
  /** As it is shown: of the whole, or for each Pod. */
  readonly usage: number;
}

/** The value is to be so much, however many Pods there are: more of it takes more of them. Throws where there are none. */
export function proposeForValue(usage: number, target: number, current: number, pods: readonly Pod[], tolerance: Tolerance): Proposal {
  const ratio = usage / target;
  if (isWithin(tolerance, ratio)) return { replicas: current, usage };
  if (pods.length === 0) throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count');
  const ready = pods.filter(({ status }) => status.phase === 'Running' && conditionOf(status.conditions, 'Ready')?.status === 'True').length;
  return { replicas: Math.ceil(ratio * ready), usage };
}

/** So much of the value is for each Pod. `counted`: as the workload's own status counts them. */
export function proposeForAverage(usage: number, target: number, counted: number, tolerance: Tolerance): Proposal {
  const isClose = isWithin(tolerance, usage / (target * counted));
  return { replicas: isClose ? counted : Math.ceil(usage / target), usage: Math.ceil(usage / counted) };
}
