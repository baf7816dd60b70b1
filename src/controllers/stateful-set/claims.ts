// The claims of a StatefulSet's Pods: made before the Pod, kept when it goes, unless the set says that they follow it.
import { isReason } from '../../api/error.ts';
import { statefulSets } from '../../api/kinds/stateful-set.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import type { Resource } from '../../api/kind.ts';
import { controllerReference, isBeingDeleted, sameJson } from '../../api/meta.ts';
import type { OwnerReference, Pod, StatefulSet } from '../../api/types.ts';
import { keyOf, type Client } from '../../client/client.ts';
import { unlessGone } from '../claim-objects.ts';
import { firstOrdinal, newClaims, type Claim } from './identity.ts';

/** Read as they are now and not from a copy: only sets with claims ask, and seldom. */
export const claimResource: Resource<Claim> = { group: '', version: 'v1', plural: 'persistentvolumeclaims', kind: 'PersistentVolumeClaim', namespaced: true };

type Say = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** True: all claims of the Pod with this number are there to be used. False: one is on its way out with an earlier Pod. */
export async function completeClaims(client: Client, set: StatefulSet, ordinal: number, say: Say, signal: AbortSignal): Promise<boolean> {
  for (const claim of newClaims(set, ordinal)) {
    const name = claim.metadata.name!;
    const pod = `${set.metadata.name}-${ordinal}`;
    const owners = ownersFor(set, ordinal, undefined);
    const there = await unlessGone(client.get(claimResource, keyOf(claim), signal));
    if (there && isOnItsWayOut(there)) return false;
    if (there) continue;
    try {
      await client.create(claimResource, { ...claim, metadata: { ...claim.metadata, ...(owners.length > 0 ? { ownerReferences: [...owners] } : {}) } }, signal);
      say('Normal', 'SuccessfulCreate', `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`);
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) continue;
      if (!signal.aborted) say('Warning', 'FailedCreate', `create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${(error as Error).message}`);
      throw error;
    }
  }
  return true;
}

/** Makes the Pod's claims follow whom the retention policy says: nobody, the set, or a Pod that is too many. */
export async function tieClaims(client: Client, set: StatefulSet, ordinal: number, pod: Pod, signal: AbortSignal): Promise<void> {
  for (const claim of newClaims(set, ordinal)) {
    const there = await unlessGone(client.get(claimResource, keyOf(claim), signal));
    if (!there || isBeingDeleted(there)) continue;
    const before = there.metadata.ownerReferences ?? [];
    const others = before.filter(({ kind, uid }) => uid !== set.metadata.uid && uid !== pod.metadata.uid && !(kind === 'Pod' && uid === pod.metadata.uid));
    const ownerReferences = [...others, ...ownersFor(set, ordinal, pod)];
    if (sameJson(before, ownerReferences)) continue;
    await unlessGone(client.patch(claimResource, keyOf(there), { type: 'merge', body: { metadata: { uid: there.metadata.uid, resourceVersion: there.metadata.resourceVersion, ownerReferences } } }, signal));
  }
}

/** Whether claims are tied to anyone, or may have been. */
export function hasTies({ spec }: StatefulSet): boolean {
  const { whenDeleted, whenScaled } = spec.persistentVolumeClaimRetentionPolicy ?? {};
  return (spec.volumeClaimTemplates?.length ?? 0) > 0 && (whenDeleted === 'Delete' || whenScaled === 'Delete');
}

function ownersFor(set: StatefulSet, ordinal: number, pod: Pod | undefined): readonly OwnerReference[] {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const index = ordinal - firstOrdinal(set);
  const isTooMany = index < 0 || index >= (set.spec.replicas ?? 1);
  if (isTooMany && whenScaled === 'Delete') return pod ? [controllerReference(pod, podResource)] : [];
  return whenDeleted === 'Delete' ? [controllerReference(set, statefulSets)] : [];
}

/** Tied to a Pod: it was too many once, and the claim goes when that is collected. */
function isOnItsWayOut(claim: Claim): boolean {
  return isBeingDeleted(claim) || (claim.metadata.ownerReferences ?? []).some(({ kind }) => kind === 'Pod');
}
