// Lets go of claims that end once no Pod uses them, and of volumes that end once no claim has them.
import { isReason } from '../../api/error.ts';
import { persistentVolumeClaims as claimResource } from '../../api/kinds/persistent-volume-claim.ts';
import { persistentVolumes as volumeResource } from '../../api/kinds/persistent-volume.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { isBeingDeleted } from '../../api/meta.ts';
import type { Resource } from '../../api/kind.ts';
import type { ObjectKey } from '../../api/request.ts';
import { claimNamesOf, claimProtection, volumeProtection } from '../../api/storage/claims.ts';
import type { KubeObject, PersistentVolumeClaim, Pod } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyText } from '../../client/client.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';
import { usesClaim } from './uses-claim.ts';

export function createVolumeProtectionControllers(deps: ControllerDeps): Runnable[] {
  const { client, informers } = deps;
  const claims = informers.of(claimResource);
  const volumes = informers.of(volumeResource);
  const pods = informers.of(podResource, { indexes: { claim: podIndexes.claim } });

  async function reconcileClaim(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const claim = claims.get(key);
    if (claim && isHeld(claim, claimProtection) && !(await isUsed(claim, signal))) await letGo(claimResource, claim, claimProtection, signal);
    return 'await-change';
  }

  /** A Pod that this process has not seen yet may use it too. */
  async function isUsed(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<boolean> {
    const { namespace = '', name } = claim.metadata;
    if (pods.by('claim', keyText({ namespace, name })).some((pod) => usesClaim(pod, claim))) return true;
    return (await client.list(podResource, { namespace }, signal)).items.some((pod) => usesClaim(pod, claim));
  }

  async function reconcileVolume(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const volume = volumes.get(key);
    if (volume && isHeld(volume, volumeProtection) && volume.status.phase !== 'Bound') await letGo(volumeResource, volume, volumeProtection, signal);
    return 'await-change';
  }

  async function letGo<T extends KubeObject>(of: Resource<T>, object: T, finalizer: string, signal: AbortSignal): Promise<void> {
    const finalizers = object.metadata.finalizers!.filter((name) => name !== finalizer);
    try {
      await client.update(of, { ...object, metadata: { ...object.metadata, finalizers } }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  const claimsOf = (pod: Pod) => claimNamesOf(pod).map((name) => ({ namespace: pod.metadata.namespace ?? '', name }));
  return [
    createController(
      {
        name: 'persistentvolumeclaim-protection-controller',
        triggers: [
          trigger(claims, (before, after) => (after && isHeld(after, claimProtection) ? itself(before, after) : [])),
          trigger(pods, (before, after) => (before && before.metadata.uid !== after?.metadata.uid ? claimsOf(before) : after && isBeingDeleted(after) ? claimsOf(after) : [])),
        ],
        reconcile: reconcileClaim,
      },
      deps,
    ),
    createController(
      {
        name: 'persistentvolume-protection-controller',
        triggers: [trigger(volumes, (before, after) => (after && isHeld(after, volumeProtection) ? itself(before, after) : []))],
        reconcile: reconcileVolume,
      },
      deps,
    ),
  ];
}

function isHeld(object: KubeObject, finalizer: string): boolean {
  return isBeingDeleted(object) && !!object.metadata.finalizers?.includes(finalizer);
}
