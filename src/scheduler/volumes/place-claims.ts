// Whether a node can have the volumes of a Pod, and how, pure.
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import { classNameOf, noProvisioner } from '../../api/storage/classes.ts';
import { findVolume } from '../../api/storage/find-volume.ts';
import { classAllows, reachesNode } from '../../api/storage/topology.ts';
import type { PodClaims } from './pod-claims.ts';
import type { VolumeView } from './volume-view.ts';

/** What must be written, and come true, before the Pod may be bound. */
export interface PlacedClaims {
  readonly bindings: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly provisions: readonly PersistentVolumeClaim[];
}

export const conflict = 'node(s) had volume node affinity conflict';
export const noneToBind = "node(s) didn't find available persistent volumes to bind";
export const noneThere = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';

/** A list says why not. */
export function placeClaims({ bound, waiting }: PodClaims, node: Node, view: VolumeView): PlacedClaims | readonly string[] {
  const reasons = new Set<string>();
  for (const { spec } of bound) {
    const volume = view.source.volume(spec.volumeName!);
    if (!volume) reasons.add(noneThere);
    else if (!reachesNode(volume, node)) reasons.add(conflict);
  }
  const bindings: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
  const provisions: PersistentVolumeClaim[] = [];
  const taken = new Set(waiting.length > 0 ? view.taken : []);
  for (const claim of waiting) {
    const promised = view.nodeOf(claim);
    const volume = promised === undefined ? findVolume(claim, view.source.volumes(), { node, taken }) : undefined;
    if (volume) {
      taken.add(volume.metadata.name);
      bindings.push({ claim, volume });
    } else if (canProvision(claim, node, promised, view)) provisions.push(claim);
    else reasons.add(noneToBind);
  }
  return reasons.size > 0 ? [...reasons] : { bindings, provisions };
}

function canProvision(claim: PersistentVolumeClaim, node: Node, promised: string | undefined, { source }: VolumeView): boolean {
  if (promised !== undefined) return promised === node.metadata.name;
  const storageClass = source.storageClass(classNameOf(claim));
  return storageClass !== undefined && storageClass.provisioner !== noProvisioner && classAllows(storageClass, node);
}
