// What a claim needs next, pure.
//
//   Pending ── a volume is found, kept for it or made for it ──▶ bound on both sides ──▶ Bound
//                                                                   its volume is gone, or another's ──▶ Lost
import { annotationOf, bindCompleted, boundByController, isVolumeOf, selectedNode } from '../../api/storage/claims.ts';
import { classNameOf, defaultClassOf, noProvisioner, wantsDefaultClass, waitsForConsumer } from '../../api/storage/classes.ts';
import { findVolume, mismatch } from '../../api/storage/find-volume.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../api/types.ts';

export interface Telling {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type ClaimPlan =
  | { readonly type: 'bind'; readonly volume: PersistentVolume }
  | { readonly type: 'wait'; readonly tell?: Telling }
  | { readonly type: 'ask-provisioner'; readonly provisioner: string }
  | { readonly type: 'take-class'; readonly className: string }
  | { readonly type: 'lost'; readonly tell: Telling };

export interface StorageWorld {
  readonly volume: (name: string) => PersistentVolume | undefined;
  readonly volumes: readonly PersistentVolume[];
  readonly storageClass: (name: string) => StorageClass | undefined;
  readonly classes: readonly StorageClass[];
  /** Those that use the claim. */
  readonly pods: readonly Pod[];
}

export function planClaim(claim: PersistentVolumeClaim, world: StorageWorld): ClaimPlan {
  if (annotationOf(claim, bindCompleted) !== undefined) return planBound(claim, world);
  return claim.spec.volumeName ? planNamed(claim, claim.spec.volumeName, world) : planFree(claim, world);
}

function planBound(claim: PersistentVolumeClaim, { volume: find }: StorageWorld): ClaimPlan {
  const { volumeName } = claim.spec;
  if (!volumeName) return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  const volume = find(volumeName);
  if (!volume) return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  const { claimRef } = volume.spec;
  if (!claimRef || claimRef.uid === claim.metadata.uid) return { type: 'bind', volume };
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
}

/** The claim names a volume: it gets that one or none. */
function planNamed(claim: PersistentVolumeClaim, name: string, { volume: find }: StorageWorld): ClaimPlan {
  const volume = find(name);
  if (!volume) return { type: 'wait' };
  if (!volume.spec.claimRef) {
    const why = mismatch(volume, claim);
    return why ? wait('Warning', 'VolumeMismatch', `Cannot bind to requested volume ${JSON.stringify(name)}: ${why}`) : { type: 'bind', volume };
  }
  if (isVolumeOf(volume, claim)) return { type: 'bind', volume };
  return wait('Warning', 'FailedBinding', `volume ${JSON.stringify(name)} already bound to a different claim.`);
}

function planFree(claim: PersistentVolumeClaim, world: StorageWorld): ClaimPlan {
  const className = classNameOf(claim);
  const storageClass = world.storageClass(className);
  const waits = waitsForConsumer(storageClass) && annotationOf(claim, selectedNode) === undefined;
  const volume = findVolume(claim, world.volumes, { onlyKept: waits });
  if (volume) return { type: 'bind', volume };
  if (wantsDefaultClass(claim)) {
    const chosen = defaultClassOf(world.classes);
    if (chosen) return { type: 'take-class', className: chosen.metadata.name };
  }
  if (waits) return waitForConsumer(world.pods);
  if (className === '') return wait('Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set');
  if (!storageClass) return wait('Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io ${JSON.stringify(className)} not found`);
  if (storageClass.provisioner === noProvisioner) return wait('Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set');
  return { type: 'ask-provisioner', provisioner: storageClass.provisioner };
}

function waitForConsumer(pods: readonly Pod[]): ClaimPlan {
  const names = pods.filter(({ spec }) => !spec.nodeName).map(({ metadata }) => metadata.name).sort();
  if (names.length === 0) return wait('Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  if (names.length === 1) return wait('Normal', 'WaitForPodScheduled', `waiting for pod ${names[0]} to be scheduled`);
  return wait('Normal', 'WaitForPodScheduled', `waiting for pods ${names.join(',')} to be scheduled`);
}

/** Whether the controller, not a person, put the claim and the volume together. */
export function wasChosen(object: PersistentVolume | PersistentVolumeClaim): boolean {
  return annotationOf(object, boundByController) !== undefined;
}

function wait(type: Telling['type'], reason: string, message: string): ClaimPlan {
  return { type: 'wait', tell: { type, reason, message } };
}

function lost(reason: string, message: string): ClaimPlan {
  return { type: 'lost', tell: { type: 'Warning', reason, message } };
}
