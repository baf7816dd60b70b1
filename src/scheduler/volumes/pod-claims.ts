// The claims of a Pod, sorted by what is still to be done for them, pure.
import { isBeingDeleted } from '../../api/meta.ts';
import { compareQuantities } from '../../api/quantity.ts';
import { claimNameOf, isFullyBound, notForPod } from '../../api/storage/claims.ts';
import { classNameOf, waitsForConsumer } from '../../api/storage/classes.ts';
import { sizeOf } from '../../api/storage/find-volume.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/types.ts';
import type { VolumeView } from './volume-view.ts';

export interface PodClaims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** They wait for the Pod to have a node; the smallest first. */
  readonly waiting: readonly PersistentVolumeClaim[];
}

/** A text says why the Pod can be nowhere; undefined: it has no claims. */
export function podClaims(pod: Pod, { source }: VolumeView): PodClaims | string | undefined {
  const bound: PersistentVolumeClaim[] = [];
  const waiting: PersistentVolumeClaim[] = [];
  let isUnbound = false;
  for (const volume of pod.spec.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined) continue;
    const claim = source.claim(pod.metadata.namespace ?? '', name);
    const quoted = JSON.stringify(name);
    if (!claim) return volume.ephemeral ? `waiting for ephemeral volume controller to create the persistentvolumeclaim ${quoted}` : `persistentvolumeclaim ${quoted} not found`;
    if (claim.status.phase === 'Lost') return `persistentvolumeclaim ${quoted} bound to non-existent persistentvolume ${JSON.stringify(claim.spec.volumeName)}`;
    if (isBeingDeleted(claim)) return `persistentvolumeclaim ${quoted} is being deleted`;
    const conflict = volume.ephemeral ? notForPod(pod, claim) : undefined;
    if (conflict) return conflict;
    if (isFullyBound(claim)) bound.push(claim);
    else if (waitsForConsumer(source.storageClass(classNameOf(claim))) && !claim.spec.volumeName) waiting.push(claim);
    else isUnbound = true;
  }
  if (isUnbound) return 'pod has unbound immediate PersistentVolumeClaims';
  if (bound.length + waiting.length === 0) return undefined;
  waiting.sort((a, b) => compareQuantities(sizeOf(a.spec.resources?.requests), sizeOf(b.spec.resources?.requests)));
  return { bound, waiting };
}
