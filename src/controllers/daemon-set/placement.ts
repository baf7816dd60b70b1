// Which nodes a DaemonSet's Pods belong on. The controller decides this by node, for the scheduler is only told where to
// put each Pod, and puts it there when there is room.
import { namedNodes, nodeTest } from '../../api/node-affinity.ts';
import { tolerates } from '../../api/taints.ts';
import type { DaemonSet, Node, Pod, PodSpec, Taint, Toleration } from '../../api/types.ts';

export interface Place {
  /** A Pod is to be there. */
  readonly run: boolean;
  /** A Pod that is there may stay: taints that came later only keep new ones away, unless they are NoExecute. */
  readonly stay: boolean;
}

/** Looks at the template once, then at each node. */
export function placement({ spec }: DaemonSet): (node: Node) => Place {
  const template: Partial<PodSpec> = spec.template?.spec ?? {};
  const tolerations = daemonTolerations(template);
  const isWanted = nodeTest(template.nodeSelector, template.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution);
  return (node) => {
    if (template.nodeName && template.nodeName !== node.metadata.name) return { run: false, stay: false };
    if (isWanted && !isWanted(node)) return { run: false, stay: false };
    const taints: readonly Taint[] = node.spec.taints ?? [];
    const untolerated = taints.filter((taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(tolerations, taint));
    return { run: untolerated.length === 0, stay: untolerated.every(({ effect }) => effect !== 'NoExecute') };
  };
}

/** The node that a Pod of a DaemonSet is on, or is meant for. */
export function targetOf({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName;
  const [named] = namedNodes(spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution) ?? [];
  return named;
}

const conditionTaints: readonly (readonly [string, 'NoExecute' | 'NoSchedule'])[] = [
  ['not-ready', 'NoExecute'],
  ['unreachable', 'NoExecute'],
  ['disk-pressure', 'NoSchedule'],
  ['memory-pressure', 'NoSchedule'],
  ['pid-pressure', 'NoSchedule'],
  ['unschedulable', 'NoSchedule'],
];

/** A daemon stays on its node through the node's troubles. */
export function daemonTolerations({ hostNetwork, tolerations = [] }: Partial<PodSpec>): readonly Toleration[] {
  const all = hostNetwork ? [...conditionTaints, ['network-unavailable', 'NoSchedule'] as const] : conditionTaints;
  const added = all.map(([taint, effect]) => ({ key: `node.kubernetes.io/${taint}`, operator: 'Exists', effect }));
  return [...tolerations.filter((own) => !added.some((one) => isSame(own, one))), ...added];
}

function isSame(a: Toleration, b: Toleration): boolean {
  return a.key === b.key && a.operator === b.operator && a.effect === b.effect && a.value === b.value && a.tolerationSeconds === b.tolerationSeconds;
}
