import { tolerates } from '../taints.ts';
import { refuse, type Filter } from './filter.ts';

export const taints: Filter = {
  name: 'TaintToleration',
  wokenBy: ['node-added', 'node-taints'],
  prepare:
    ({ tolerations }) =>
    ({ taints }) => {
      if (taints.length === 0) return undefined;
      const taint = taints.find((taint) => (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !tolerates(tolerations, taint));
      return taint && refuse(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`, true);
    },
};
