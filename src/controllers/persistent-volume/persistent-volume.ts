// Brings claims and volumes together, and volumes to rest when their claims are gone. Two loops, one over claims and one
// over volumes; what each decides is in plan-claim.ts and plan-volume.ts.
import { isReason } from '../../api/error.ts';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { persistentVolumeClaims as claimResource } from '../../api/kinds/persistent-volume-claim.ts';
import { persistentVolumes as volumeResource } from '../../api/kinds/persistent-volume.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { storageClasses as classResource } from '../../api/kinds/storage-class.ts';
import { isBeingDeleted, isTrue } from '../../api/meta.ts';
import { compareQuantities } from '../../api/quantity.ts';
import type { ObjectKey } from '../../api/request.ts';
import { annotationOf, isFullyBound, selectedNode, storageProvisioner } from '../../api/storage/claims.ts';
import { classNameOf, localPathProvisioner, wantsDefaultClass } from '../../api/storage/classes.ts';
import { sizeOf } from '../../api/storage/find-volume.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import { unreachable } from '../../base/assert.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';
import { planClaim, type Telling } from './plan-claim.ts';
import { growsFreely, planVolume } from './plan-volume.ts';
import { annotated, setClaimPhase, setVolumePhase, writeBinding } from './write-binding.ts';

/** Claims that have no volume yet, by class; '' are those that may still get the default one. */
const claimIndexes = { pendingOf: (claim: PersistentVolumeClaim) => (isFullyBound(claim) ? [] : [classNameOf(claim), ...(wantsDefaultClass(claim) ? ['*'] : [])]) };

export function createPersistentVolumeControllers(deps: ControllerDeps): Runnable[] {
  const { client, informers, random } = deps;
  const claims = informers.of(claimResource, { indexes: claimIndexes });
  const volumes = informers.of(volumeResource);
  const classes = informers.of(classResource);
  const nodes = informers.of(nodeResource);
  const pods = informers.of(podResource, { indexes: { claim: podIndexes.claim } });
  const recorder = deps.recorderFor('persistentvolume-controller');
  const volumeOf = (name: string) => volumes.get({ namespace: '', name });

  async function reconcileClaim(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const claim = claims.get(key);
    if (!claim) return 'await-change';
    const plan = planClaim(claim, {
      volume: volumeOf,
      volumes: volumes.list(),
      storageClass: (name) => classes.get({ namespace: '', name }),
      classes: classes.list(),
      pods: pods.by('claim', keyText(key)),
    });
    const tell = ({ type, reason, message }: Telling) => recorder.event(aboutOf(claimResource, claim), type, reason, message);
    try {
      switch (plan.type) {
        case 'bind':
          await writeBinding(client, claim, plan.volume, signal);
          await grow(claim, plan.volume, signal);
          return 'await-change';
        case 'wait':
          if (plan.tell) tell(plan.tell);
          await setClaimPhase(client, claim, 'Pending', signal);
          return 'await-change';
        case 'ask-provisioner':
          await askProvisioner(claim, plan.provisioner, tell, signal);
          return 'await-change';
        case 'take-class':
          await client.update(claimResource, { ...claim, spec: { ...claim.spec, storageClassName: plan.className } }, signal);
          return 'await-change';
        case 'lost':
          if (claim.status.phase !== 'Lost') tell(plan.tell);
          await setClaimPhase(client, claim, 'Lost', signal);
          return 'await-change';
        default:
          return unreachable(plan);
      }
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
      return 'await-change';
    }
  }

  /** The provisioner sees from the annotation that it is meant. */
  async function askProvisioner(claim: PersistentVolumeClaim, provisioner: string, tell: (telling: Telling) => void, signal: AbortSignal): Promise<void> {
    const marks: Record<string, string> = Object.fromEntries(storageProvisioner.map((name) => [name, provisioner]));
    if (provisioner === localPathProvisioner && annotationOf(claim, selectedNode) === undefined) {
      // A class that binds at once leaves the choice to us.
      const ready = nodes.list().filter(isUsable);
      if (ready.length > 0) marks[selectedNode] = ready[Math.floor(random.next() * ready.length)]!.metadata.name;
    }
    if (Object.entries(marks).some(([name, value]) => annotationOf(claim, name) !== value)) await client.update(claimResource, annotated(claim, marks), signal);
    tell({
      type: 'Normal',
      reason: 'ExternalProvisioning',
      message: `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    });
  }

  /** The class allowed it, or admission would not have let the claim ask for more. */
  async function grow(claim: PersistentVolumeClaim, volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const [asked, has] = [sizeOf(claim.spec.resources?.requests), sizeOf(claim.status.capacity)];
    if (claim.status.phase !== 'Bound' || compareQuantities(asked, has) <= 0) return;
    const about = aboutOf(claimResource, claim);
    if (!growsFreely(volume)) return recorder.event(about, 'Normal', 'ExternalExpanding', 'waiting for an external controller to expand this PVC');
    const capacity = { storage: claim.spec.resources!.requests!.storage! };
    if (compareQuantities(asked, sizeOf(volume.spec.capacity)) > 0) await client.patch(volumeResource, keyOf(volume), { type: 'merge', body: { spec: { capacity } } }, signal);
    await client.patch(claimResource, keyOf(claim), { type: 'merge', subresource: 'status', body: { status: { capacity } } }, signal);
    recorder.event(about, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
  }

  async function reconcileVolume(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const volume = volumes.get(key);
    if (!volume) return 'await-change';
    const { claimRef } = volume.spec;
    const claimKey = { namespace: claimRef?.namespace ?? '', name: claimRef?.name ?? '' };
    const plan = planVolume(volume, claimRef ? await newestClaim(claimKey, claimRef.uid, signal) : undefined);
    switch (plan.type) {
      case 'phase':
        await setVolumePhase(client, volume, plan, signal);
        return 'await-change';
      case 'failed':
        if (volume.status.phase !== 'Failed' || volume.status.message !== plan.message) recorder.event(aboutOf(volumeResource, volume), 'Warning', plan.reason, plan.message);
        await setVolumePhase(client, volume, { phase: 'Failed', message: plan.message }, signal);
        return 'await-change';
      case 'ask-claim':
        return reconcileClaim(claimKey, signal);
      case 'release': {
        const { claimRef: old, ...spec } = volume.spec;
        const { uid: _uid, resourceVersion: _version, ...name } = old!;
        await client.update(volumeResource, { ...volume, spec: plan.keepsName ? { ...spec, claimRef: name } : spec }, signal);
        return 'await-change';
      }
      default:
        return unreachable(plan);
    }
  }

  /** A claim that this process has not seen yet must not count as gone: its data would be. */
  async function newestClaim(key: ObjectKey, uid: string | undefined, signal: AbortSignal): Promise<PersistentVolumeClaim | undefined> {
    const known = claims.get(key);
    if (!uid || known?.metadata.uid === uid) return known;
    try {
      return await client.get(claimResource, key, signal);
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  const pendingClaims = function* (className: string): Iterable<ObjectKey> {
    for (const claim of claims.by('pendingOf', className)) yield keyOf(claim);
  };
  return [
    createController(
      {
        name: 'persistentvolume-binder-controller',
        triggers: [
          trigger(claims, itself),
          trigger(volumes, function* (before, after) {
            const { claimRef } = (after ?? before)!.spec;
            if (claimRef?.name) yield { namespace: claimRef.namespace ?? '', name: claimRef.name };
            if (after?.status.phase === 'Available') yield* pendingClaims(classNameOf(after));
          }),
          trigger(classes, function* (_, after) {
            if (after) yield* pendingClaims(after.metadata.name);
            if (after) yield* pendingClaims('*');
          }),
          trigger(nodes, function* (before, after) {
            if (!after || !isUsable(after) || (before && isUsable(before))) return;
            for (const claim of claims.list()) if (!isFullyBound(claim) && annotationOf(claim, storageProvisioner[1]) === localPathProvisioner) yield keyOf(claim);
          }),
        ],
        reads: [pods],
        reconcile: reconcileClaim,
      },
      deps,
    ),
    createController(
      {
        name: 'persistentvolume-controller',
        triggers: [
          trigger(volumes, itself),
          trigger(claims, function* (before, after) {
            for (const name of new Set([before?.spec.volumeName, after?.spec.volumeName])) if (name) yield { namespace: '', name };
          }),
        ],
        reads: [classes, pods],
        reconcile: reconcileVolume,
      },
      deps,
    ),
  ];
}

function isUsable(node: Node): boolean {
  return !node.spec.unschedulable && isTrue(node.status.conditions, 'Ready') && !isBeingDeleted(node);
}
