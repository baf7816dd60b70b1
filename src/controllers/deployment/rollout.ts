// The sizes that a Deployment's ReplicaSets should have next, pure. Each look takes one step of the way; the changes it
// brings about lead to the next look.
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import { fencesOf } from './fences.ts';
import { isActive, numberFrom, olderFirst, resized, sizeOf, sum, type Sets } from './sets.ts';

/** The sets as they should be; those that stay as they are, are the very same objects. */
export function nextSizes(deployment: Deployment, sets: Sets, hasOldPods: boolean): Sets {
  if (deployment.spec.paused || isScaled(deployment, sets)) return rescaled(deployment, sets);
  return deployment.spec.strategy?.type === 'Recreate' ? recreated(deployment, sets, hasOldPods) : rolled(deployment, sets);
}

/** Somebody changed spec.replicas since the sizes were last given out. */
export function isScaled(deployment: Deployment, { fresh, old }: Sets): boolean {
  const wanted = deployment.spec.replicas ?? 1;
  return [fresh, ...old].some((set) => set && isActive(set) && (numberFrom(set, 'desired') ?? wanted) !== wanted);
}

/** How large the fresh set may be now. */
export function freshSize(deployment: Deployment, present: number, all: readonly ReplicaSet[]): number {
  const wanted = deployment.spec.replicas ?? 1;
  if (deployment.spec.strategy?.type === 'Recreate') return wanted;
  const room = wanted + fencesOf(deployment).maxSurge - sum(all, sizeOf);
  return room <= 0 ? present : present + Math.min(room, wanted - present);
}

function rolled(deployment: Deployment, { fresh, old }: Sets): Sets {
  if (!fresh) return { fresh, old };
  const wanted = deployment.spec.replicas ?? 1;
  const grown = resizedTo(deployment, fresh, sizeOf(fresh) > wanted ? wanted : freshSize(deployment, sizeOf(fresh), [fresh, ...old]));
  if (grown !== fresh) return { fresh: grown, old };
  return { fresh, old: shrunk(deployment, fresh, old) };
}

/** Old Pods that do not work go first; then as many as there are available ones to spare. */
function shrunk(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const all = [fresh, ...old];
  const leastAvailable = (deployment.spec.replicas ?? 1) - fencesOf(deployment).maxUnavailable;
  const freshUnavailable = sizeOf(fresh) - available(fresh);
  let spare = sum(all, sizeOf) - leastAvailable - freshUnavailable;
  if (spare <= 0) return old;
  const cleaned = old.map((set) => {
    const unhealthy = Math.max(0, Math.min(spare, sizeOf(set) - available(set)));
    spare -= unhealthy;
    return unhealthy > 0 ? resizedTo(deployment, set, sizeOf(set) - unhealthy) : set;
  });
  spare = sum(all, available) - leastAvailable;
  return cleaned.map((set) => {
    const going = Math.max(0, Math.min(sizeOf(set), spare));
    spare -= going;
    return going > 0 ? resizedTo(deployment, set, sizeOf(set) - going) : set;
  });
}

function recreated(deployment: Deployment, { fresh, old }: Sets, hasOldPods: boolean): Sets {
  const emptied = old.map((set) => (isActive(set) ? resizedTo(deployment, set, 0) : set));
  if (!fresh || hasOldPods || old.some(isActive)) return { fresh, old: emptied };
  return { fresh: resizedTo(deployment, fresh, deployment.spec.replicas ?? 1), old: emptied };
}

/** A new number of replicas, while nothing or something is under way: in the second case all active sets share it. */
function rescaled(deployment: Deployment, { fresh, old }: Sets): Sets {
  const wanted = deployment.spec.replicas ?? 1;
  const active = [...old, ...(fresh ? [fresh] : [])].filter(isActive);
  const only = active.length === 1 ? active[0] : active.length === 0 ? (fresh ?? old.at(-1)) : undefined;
  const apply = (change: (set: ReplicaSet) => ReplicaSet): Sets => ({ fresh: fresh && change(fresh), old: old.map(change) });
  if (active.length <= 1) return apply((set) => (set === only ? resizedTo(deployment, set, wanted) : set));
  if (fresh && isSaturated(deployment, fresh)) return apply((set) => (set !== fresh && isActive(set) ? resizedTo(deployment, set, 0) : set));
  if (deployment.spec.strategy?.type === 'Recreate') return { fresh, old };
  const sizes = proportions(deployment, active);
  return apply((set) => (sizes.has(set) ? resizedTo(deployment, set, sizes.get(set)!) : set));
}

/** Each active set grows or shrinks by its share; what rounding leaves over goes to the largest. */
function proportions(deployment: Deployment, active: readonly ReplicaSet[]): ReadonlyMap<ReplicaSet, number> {
  const wanted = deployment.spec.replicas ?? 1;
  const allowed = wanted > 0 ? wanted + fencesOf(deployment).maxSurge : 0;
  const change = allowed - sum(active, sizeOf);
  const largestFirst = [...active].sort((a, b) => sizeOf(b) - sizeOf(a) || (change > 0 ? olderFirst(b, a) : olderFirst(a, b)));
  const sizes = new Map<ReplicaSet, number>();
  let given = 0;
  for (const set of largestFirst) {
    const part = change === 0 ? 0 : share(deployment, set, change, given);
    given += part;
    sizes.set(set, sizeOf(set) + part);
  }
  const largest = largestFirst[0]!;
  if (change !== 0) sizes.set(largest, Math.max(0, sizes.get(largest)! + change - given));
  return sizes;
}

function share(deployment: Deployment, set: ReplicaSet, change: number, given: number): number {
  const wanted = deployment.spec.replicas ?? 1;
  const left = change - given;
  if (left === 0) return 0;
  const before = numberFrom(set, 'max') || deployment.status?.replicas || wanted;
  const fraction = wanted === 0 ? -sizeOf(set) : Math.round((sizeOf(set) * (wanted + fencesOf(deployment).maxSurge)) / before) - sizeOf(set);
  return change > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

function isSaturated(deployment: Deployment, fresh: ReplicaSet): boolean {
  const wanted = deployment.spec.replicas ?? 1;
  return sizeOf(fresh) === wanted && numberFrom(fresh, 'desired') === wanted && available(fresh) === wanted;
}

function available(set: ReplicaSet): number {
  return set.status?.availableReplicas ?? 0;
}

function resizedTo(deployment: Deployment, set: ReplicaSet, replicas: number): ReplicaSet {
  return resized(set, replicas, deployment);
}
