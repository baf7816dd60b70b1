import { tolerates } from '../../api/taints.ts';
import type { Taint, Toleration } from '../../api/types.ts';
import { refuse, type Filter } from './filter.ts';

const refusal = refuse('node(s) had untolerated taint(s)', true);

export const taints: Filter = {
  name: 'TaintToleration',
  isLocal: true,
  wokenBy: ['node-added', 'node-taints'],
  mayHelp: (_, { node }, { tolerations }) => !node || !untolerated(node.taints, tolerations),
  prepare:
    ({ tolerations }) =>
    ({ taints }) =>
      taints.length > 0 && untolerated(taints, tolerations) ? refusal : undefined,
};

function untolerated(taints: readonly Taint[], tolerations: readonly Toleration[]): boolean {
  return taints.some((taint) => (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !tolerates(tolerations, taint));
}
