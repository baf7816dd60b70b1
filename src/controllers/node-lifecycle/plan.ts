// What is to be done about a node, from when it was last heard of; pure.
import { conditionOf } from '../../api/meta.ts';
import type { Node, Pod, Taint } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';

export interface LifecycleLimits {
  /** How long a node may be silent. */
  readonly monitorGraceMs: number;
  /** The same for one that has never reported. */
  readonly startupGraceMs: number;
}

export const lifecycleLimits: LifecycleLimits = { monitorGraceMs: 40_000, startupGraceMs: 60_000 };

export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const unreachableTaint = 'node.kubernetes.io/unreachable';

/** Those that the node reports itself. NetworkUnavailable is not its to say. */
const ownConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

type NodeCondition = NonNullable<Node['status']['conditions']>[number];

/** When a silent node is to be given up, in the same time as `heardMs`. */
export function silentAtMs(node: Node, heardMs: number, limits: LifecycleLimits): number {
  return heardMs + (conditionOf(node.status?.conditions as never, 'Ready') ? limits.monitorGraceMs : limits.startupGraceMs);
}

/** The conditions of a node that is silent: nobody knows. Undefined: they say so already. */
export function conditionsOfSilent(node: Node, wallMs: number): readonly NodeCondition[] | undefined {
  const before = node.status?.conditions ?? [];
  if (ownConditions.every((type) => before.some((condition) => condition.type === type && condition.status === 'Unknown'))) return undefined;
  const now = formatTime(wallMs);
  const after = before.map((condition): NodeCondition => {
    if (!ownConditions.includes(condition.type as 'Ready') || condition.status === 'Unknown') return condition;
    return { ...condition, status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.', lastTransitionTime: now };
  });
  const missing = ownConditions.filter((type) => !before.some((condition) => condition.type === type));
  const never = { status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.', lastHeartbeatTime: node.metadata.creationTimestamp, lastTransitionTime: now };
  return [...after, ...missing.map((type): NodeCondition => ({ type, ...never }) as never)];
}

/** The taint that evicts, as the Ready condition asks for it. A node that has not reported is left alone. */
export function wantedTaint(node: Node): string | undefined {
  switch (conditionOf(node.status?.conditions as never, 'Ready')?.status) {
    case 'False': return notReadyTaint;
    case 'Unknown': return unreachableTaint;
    default: return undefined;
  }
}

export function evictingTaints({ spec }: Node): readonly Taint[] {
  return (spec?.taints ?? []).filter(({ key, effect }) => effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint));
}

/** The node's taints with this evicting one and no other of ours; undefined: none of ours. */
export function taintsWith(node: Node, wanted: string | undefined, wallMs: number): readonly Taint[] {
  const ours = evictingTaints(node);
  const kept = (node.spec?.taints ?? []).filter((taint) => !ours.includes(taint) || taint.key === wanted);
  if (wanted === undefined || kept.some((taint) => ours.includes(taint))) return kept;
  return [...kept, { key: wanted, effect: 'NoExecute', timeAdded: formatTime(wallMs) } as Taint];
}

/** Pods that say that they are ready, on a node of which nobody knows. */
export function podsToDoubt(pods: readonly Pod[]): readonly Pod[] {
  return pods.filter(({ status }) => conditionOf(status.conditions as never, 'Ready')?.status === 'True');
}

/** Zones are told apart by region and zone, as upstream's keys. */
export function zoneOf({ metadata }: Node): string {
  const labels = metadata.labels ?? {};
  const region = labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '';
  const zone = labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '';
  return region === '' && zone === '' ? '' : `${region}\0${zone}`;
}

export function isExcluded({ metadata }: Node): boolean {
  return metadata.labels?.['node.kubernetes.io/exclude-disruption'] !== undefined;
}
