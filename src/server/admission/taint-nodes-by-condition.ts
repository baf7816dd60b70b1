// TaintNodesByCondition: a node's conditions, and its being cordoned, are taints to the scheduler.
//
// Upstream this plug-in only taints new nodes, and a controller brings taints and conditions together later. Here it
// does so in the very write that changes a condition, so that no one ever sees a ready node that is tainted not ready.
// The NoExecute taints, which evict, come later and from a controller: they are not touched.
import type { Node, Taint } from '../../api/types.ts';
import type { Admission } from './admission.ts';

/** Which condition, with which status, makes which taint. */
const byCondition: readonly (readonly [type: string, status: string, taint: string])[] = [
  ['Ready', 'False', 'node.kubernetes.io/not-ready'],
  ['Ready', 'Unknown', 'node.kubernetes.io/unreachable'],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
];
const notReady = 'node.kubernetes.io/not-ready';
const unschedulable = 'node.kubernetes.io/unschedulable';
const ours: ReadonlySet<string> = new Set([...byCondition.map(([, , taint]) => taint), unschedulable]);

export const taintNodesByCondition: Admission = {
  name: 'TaintNodesByCondition',
  handles: ({ verb, kind }) => (verb === 'create' || verb === 'update') && kind.plural === 'nodes' && kind.group === '',
  mutate({ draft }) {
    const node = draft as Node;
    const now = node.spec?.taints ?? [];
    const wanted = conditionTaints(node);
    const kept = now.filter((taint) => !isConditionTaint(taint) || wanted.includes(taint.key));
    const added = wanted.filter((key) => !kept.some((taint) => taint.key === key && isConditionTaint(taint)));
    if (added.length === 0 && kept.length === now.length) return;
    // In a write of the status the spec is the stored object's own.
    node.spec = { ...node.spec, taints: [...kept, ...added.map((key) => ({ key, effect: 'NoSchedule' }))] };
    if (!node.spec.taints!.length) delete node.spec.taints;
  },
};

/** The keys of the NoSchedule taints that a node's state asks for. A node that has not reported yet is not ready. */
export function conditionTaints({ spec, status }: Node): string[] {
  const conditions = status?.conditions ?? [];
  const fromConditions = byCondition.filter(([type, value]) => conditions.some((condition) => condition.type === type && condition.status === value)).map(([, , taint]) => taint);
  const silent = conditions.some((condition) => condition.type === 'Ready') ? [] : [notReady];
  return [...silent, ...fromConditions, ...(spec?.unschedulable ? [unschedulable] : [])];
}

export function isConditionTaint({ key, effect }: Taint): boolean {
  return effect === 'NoSchedule' && ours.has(key);
}
