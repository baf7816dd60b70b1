// Whether a Pod still uses a claim, pure. One without a node does not: no node starts a Pod whose claim is ending.
import { isBeingDeleted } from '../../api/meta.ts';
import { claimNameOf, notForPod } from '../../api/storage/claims.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/types.ts';

export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if (!pod.spec.nodeName || pod.metadata.namespace !== claim.metadata.namespace) return false;
  return (pod.spec.volumes ?? []).some((volume) => {
    if (claimNameOf(pod, volume) !== claim.metadata.name) return false;
    // The node is done with a Pod that ends with no grace: else the Pod could wait for its own claim and the claim for it.
    return !volume.ephemeral || (!isDone(pod) && notForPod(pod, claim) === undefined);
  });
}

function isDone(pod: Pod): boolean {
  return isBeingDeleted(pod) && pod.metadata.deletionGracePeriodSeconds === 0;
}
