import { tolerates } from '../../api/taints.ts';
import { refuse, type Filter } from './filter.ts';

const cordoned = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
const refusal = refuse('node(s) were unschedulable', true);

export const unschedulable: Filter = {
  name: 'NodeUnschedulable',
  isLocal: true,
  wokenBy: ['node-added', 'node-unschedulable'],
  mayHelp: (_, { node }) => !node?.node?.spec.unschedulable,
  prepare: ({ tolerations }) => (tolerates(tolerations, cordoned) ? undefined : ({ node }) => (node?.spec.unschedulable ? refusal : undefined)),
};
