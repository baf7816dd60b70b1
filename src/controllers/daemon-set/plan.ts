// What a DaemonSet does next. First each node gets the one Pod that belongs there, and what does not belong goes; when
// that is so, a rolling update replaces old Pods: either by ending so many at once (maxUnavailable), or by starting so
// many new ones beside them (maxSurge), each old one going when its successor is available.
import { isBeingDeleted, isPodAvailable, isPodReady } from '../../api/meta.ts';
import type { DaemonSet, Node, Pod } from '../../api/types.ts';
import { placement, targetOf, type Place } from './placement.ts';
import { isOfRevision } from './pods.ts';

export interface DaemonPlan {
  /** Names of nodes that are to get a Pod. */
  readonly create: readonly string[];
  readonly delete: readonly Pod[];
  /** Of `delete`, those that ended by themselves: their successors wait for a back-off. */
  readonly failed: readonly { readonly pod: Pod; readonly node: string }[];
}

export interface NodePods {
  readonly name: string;
  readonly place: Place;
  /** The oldest first. */
  readonly pods: readonly Pod[];
}

/** The set's Pods by node, of all nodes there are, and those meant for nodes that are not. */
export function byNode(set: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]): { readonly nodes: readonly NodePods[]; readonly lost: readonly Pod[] } {
  const placeOf = placement(set);
  const lists = new Map<string, Pod[]>(nodes.map(({ metadata }) => [metadata.name, []]));
  const lost: Pod[] = [];
  for (const pod of pods) {
    const list = lists.get(targetOf(pod) ?? '');
    if (list) list.push(pod);
    // Those that were bound are collected with their node.
    else if (!pod.spec.nodeName && !isBeingDeleted(pod)) lost.push(pod);
  }
  const all = nodes.map((node) => ({ name: node.metadata.name, place: placeOf(node), pods: lists.get(node.metadata.name)!.sort(boundAndOldestFirst) }));
  return { nodes: all, lost };
}

/** `hash` is that of the template as it is now. */
export function planDaemonSet(set: DaemonSet, { nodes, lost }: ReturnType<typeof byNode>, hash: string, nowMs: number): DaemonPlan {
  if (isBeingDeleted(set)) return { create: [], delete: [], failed: [] };
  const desired = nodes.filter(({ place }) => place.run).length;
  const limits = limitsOf(set, desired);
  const isAvailable = (pod: Pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  const manage = { create: [] as string[], delete: [...lost], failed: [] as { pod: Pod; node: string }[] };
  for (const node of nodes) manageNode(node, limits.surge > 0, hash, isAvailable, manage);
  if (manage.create.length + manage.delete.length > 0 || set.spec.updateStrategy?.type === 'OnDelete') return manage;
  return limits.surge > 0 ? surge(nodes, limits.surge, hash, isAvailable) : replace(nodes, limits.unavailable, hash, isAvailable);
}

type Available = (pod: Pod) => boolean;

function manageNode({ name, place, pods }: NodePods, maySurge: boolean, hash: string, isAvailable: Available, plan: { create: string[]; delete: Pod[]; failed: { pod: Pod; node: string }[] }): void {
  if (place.run && pods.length === 0) plan.create.push(name);
  const staying = pods.filter((pod) => !isBeingDeleted(pod));
  if (!place.stay) {
    plan.delete.push(...staying);
    return;
  }
  const ended = staying.filter(({ status }) => status.phase === 'Failed' || status.phase === 'Succeeded');
  plan.delete.push(...ended);
  plan.failed.push(...ended.filter(({ status }) => status.phase === 'Failed').map((pod) => ({ pod, node: name })));
  const running = staying.filter((pod) => !ended.includes(pod));
  plan.delete.push(...(maySurge ? besideNew(running, hash, isAvailable) : running.slice(1)));
}

/** An old and a new Pod may be on a node together until the new one serves, or the old one does not. */
function besideNew(running: readonly Pod[], hash: string, isAvailable: Available): readonly Pod[] {
  const [young, ...tooYoung] = running.filter((pod) => isOfRevision(pod, hash));
  const [old, ...tooOld] = running.filter((pod) => !isOfRevision(pod, hash));
  const isReplaced = young && old && (!isPodReady(old) || isAvailable(young));
  return [...tooYoung, ...tooOld, ...(isReplaced ? [old] : [])];
}

interface Pair {
  readonly name: string;
  readonly old?: Pod;
  readonly young?: Pod;
  /** More of one kind than there should be: not to be touched until it is put right. */
  readonly isOdd: boolean;
}

function pairOf({ name, pods }: NodePods, hash: string): Pair {
  const staying = pods.filter((pod) => !isBeingDeleted(pod));
  const young = staying.filter((pod) => isOfRevision(pod, hash));
  const old = staying.filter((pod) => !isOfRevision(pod, hash));
  return { name, old: old[0], young: young[0], isOdd: young.length > 1 || old.length > 1 };
}

function replace(nodes: readonly NodePods[], most: number, hash: string, isAvailable: Available): DaemonPlan {
  let unavailable = 0;
  const idle: Pod[] = [];
  const serving: Pod[] = [];
  for (const node of nodes) {
    if (!node.place.run && node.pods.length === 0) continue;
    const { old, young, isOdd } = pairOf(node, hash);
    if (isOdd || (old === undefined) === (young === undefined)) unavailable++;
    else if (young) unavailable += isAvailable(young) ? 0 : 1;
    else if (isAvailable(old!)) serving.push(old!);
    else {
      // It serves nobody: replacing it costs nothing.
      unavailable++;
      idle.push(old!);
    }
  }
  return { create: [], delete: [...idle, ...serving.slice(0, Math.max(0, most - unavailable))], failed: [] };
}

function surge(nodes: readonly NodePods[], most: number, hash: string, isAvailable: Available): DaemonPlan {
  let surging = 0;
  const idle: string[] = [];
  const serving: string[] = [];
  const done: Pod[] = [];
  for (const node of nodes) {
    const { name, old, young, isOdd } = pairOf(node, hash);
    if (isOdd) surging++;
    else if (!old) continue;
    else if (!young) {
      if (node.place.run) (isAvailable(old) ? serving : idle).push(name);
    } else if (isAvailable(young)) done.push(old);
    else surging++;
  }
  return { create: [...idle, ...serving.slice(0, Math.max(0, most - surging))], delete: done, failed: [] };
}

/** Shares of the nodes that should have a Pod, rounded up; at least one of the two is not 0. */
function limitsOf({ spec }: DaemonSet, desired: number): { readonly unavailable: number; readonly surge: number } {
  const { maxUnavailable = 1, maxSurge = 0 } = (spec.updateStrategy?.rollingUpdate ?? {}) as { maxUnavailable?: number | string; maxSurge?: number | string };
  const surge = scaled(maxSurge, desired);
  return { surge, unavailable: Math.max(scaled(maxUnavailable, desired), surge > 0 ? 0 : 1) };
}

function scaled(value: number | string, of: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * of) / 100);
}

function boundAndOldestFirst(a: Pod, b: Pod): number {
  const bound = Number(!a.spec.nodeName) - Number(!b.spec.nodeName);
  const at = [a.metadata.creationTimestamp, b.metadata.creationTimestamp] as const;
  return bound || (at[0] < at[1] ? -1 : at[0] > at[1] ? 1 : 0);
}
