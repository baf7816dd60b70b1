// Which Pods a controller gives up first when it has too many: those whose loss is felt least, in Kubernetes' order.
import { conditionOf, isPodReady } from '../../api/meta.ts';
import type { ContainerStatus, Pod } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';

/** `pods` are active; `related` are the active Pods of the owner's family (the same Deployment's), which share nodes with them. */
export function chooseVictims(pods: readonly Pod[], related: readonly Pod[], count: number, nowMs: number): readonly Pod[] {
  if (count >= pods.length) return pods;
  const onNode = new Map<string, number>();
  for (const { spec } of related) if (spec.nodeName) onNode.set(spec.nodeName, (onNode.get(spec.nodeName) ?? 0) + 1);
  const ranked = pods.map((pod) => ({ pod, score: score(pod, onNode, nowMs) }));
  ranked.sort((a, b) => compare(a.score, b.score) || (a.pod.metadata.uid < b.pod.metadata.uid ? -1 : 1));
  return ranked.slice(0, count).map(({ pod }) => pod);
}

/** Compared position by position; the lower goes first. */
type Score = readonly number[];

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

function score(pod: Pod, onNode: ReadonlyMap<string, number>, nowMs: number): Score {
  const { metadata, spec, status } = pod;
  const ready = isPodReady(pod);
  const readySince = ready ? conditionOf(status.conditions, 'Ready')?.lastTransitionTime : undefined;
  return [
    spec.nodeName ? 1 : 0,
    phaseRank[status.phase ?? 'Pending'] ?? 0,
    ready ? 1 : 0,
    deletionCost(metadata.annotations?.[costAnnotation]),
    -(onNode.get(spec.nodeName ?? '') ?? 0),
    readySince ? ageClass(readySince, nowMs) : 0,
    -mostRestarts(status.containerStatuses),
    -mostRestarts(status.initContainerStatuses),
    ageClass(metadata.creationTimestamp, nowMs),
  ];
}

function compare(a: Score, b: Score): number {
  for (let index = 0; index < a.length; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function deletionCost(text: string | undefined): number {
  return text !== undefined && /^([+-]?[1-9]\d*|0)$/.test(text) ? Number(text) : 0;
}

/** Ages are told apart only by powers of two, so that the oldest Pods are not always spared together. */
function ageClass(since: string, nowMs: number): number {
  const ageMs = nowMs - parseTime(since);
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1;
}

function mostRestarts(statuses: readonly ContainerStatus[] | undefined): number {
  return Math.max(0, ...(statuses ?? []).map(({ restartCount }) => restartCount));
}
