// Makes the claims of Pods' ephemeral volumes. They are the Pod's own, and go with it.
import { persistentVolumeClaims as claimResource } from '../../api/kinds/persistent-volume-claim.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { isReason } from '../../api/error.ts';
import { controllerReference, draftOf, isBeingDeleted } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import { claimNameOf, notForPod } from '../../api/storage/claims.ts';
import type { Pod, Volume } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';

export function createEphemeralVolumeController(deps: ControllerDeps): Runnable {
  const { client, informers } = deps;
  const pods = informers.of(podResource, { indexes: { claim: podIndexes.claim } });
  const claims = informers.of(claimResource);
  const recorder = deps.recorderFor('ephemeral-volume-controller');

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const pod = pods.get(key);
    if (!pod || isBeingDeleted(pod)) return 'await-change';
    for (const volume of pod.spec.volumes ?? []) {
      if (!volume.ephemeral) continue;
      try {
        await ensureClaim(pod, volume, signal);
      } catch (error) {
        if (!signal.aborted) recorder.event(aboutOf(podResource, pod), 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${(error as Error).message}`);
        throw error;
      }
    }
    return 'await-change';
  }

  async function ensureClaim(pod: Pod, volume: Volume, signal: AbortSignal): Promise<void> {
    const key = { namespace: pod.metadata.namespace ?? '', name: claimNameOf(pod, volume)! };
    const claim = claims.get(key);
    if (claim) {
      const conflict = notForPod(pod, claim);
      if (conflict) throw new Error(conflict);
      return;
    }
    const { metadata, spec } = volume.ephemeral!.volumeClaimTemplate!;
    const { annotations, labels } = metadata ?? {};
    const own = { ...key, ...(annotations ? { annotations: { ...annotations } } : {}), ...(labels ? { labels: { ...labels } } : {}), ownerReferences: [controllerReference(pod, podResource)] };
    try {
      await client.create(claimResource, { metadata: own, spec: draftOf(spec) }, signal);
    } catch (error) {
      // Made a moment ago, by us or by another: the next look, at its arrival, tells which.
      if (!isReason(error, 'AlreadyExists')) throw new Error(`create PVC ${key.name}: ${(error as Error).message}`, { cause: error });
    }
  }

  return createController(
    {
      name: 'ephemeral-volume-controller',
      triggers: [
        trigger(pods, (before, after) => (after && !before && after.spec.volumes?.some(({ ephemeral }) => ephemeral) ? itself(before, after) : [])),
        // Another's claim in the way has gone, or has come.
        trigger(claims, (before, after) =>
          before && after ? [] : pods.by('claim', `${(after ?? before)!.metadata.namespace}/${(after ?? before)!.metadata.name}`).filter(({ spec }) => spec.volumes?.some(({ ephemeral }) => ephemeral)).flatMap((pod) => itself(undefined, pod))),
      ],
      reconcile,
    },
    deps,
  );
}
