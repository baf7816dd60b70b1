// DefaultTolerationSeconds: a Pod that says nothing else stays for five minutes on a node that is not ready or not
// reachable.
import type { Pod, Toleration } from '../../api/types.ts';
import type { Admission } from './admission.ts';

const tolerationSeconds = 300;
const keys: readonly string[] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

export const defaultTolerationSeconds: Admission = {
  name: 'DefaultTolerationSeconds',
  handles: ({ verb, kind, subresource }) => (verb === 'create' || verb === 'update') && kind.plural === 'pods' && kind.group === '' && !subresource,
  mutate({ draft }) {
    const { spec } = draft as Pod;
    const own = spec.tolerations ?? [];
    const missing = keys.filter((key) => !own.some((toleration) => tolerates(toleration, key)));
    if (missing.length) spec.tolerations = [...own, ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }))];
  },
};

/** No key tolerates all taints, no effect all effects. */
function tolerates({ key, effect }: Toleration, taint: string): boolean {
  return (!key || key === taint) && (!effect || effect === 'NoExecute');
}
