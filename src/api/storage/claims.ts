// Claims and volumes as controllers, scheduler and nodes read them: their annotations, how they point at each other, and
// which claims a Pod uses.
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../types.ts';
import { localPathProvisioner } from './classes.ts';

/** On a claim: both sides of the binding are written. */
export const bindCompleted = 'pv.kubernetes.io/bind-completed';
/** On either side: the controller chose the other one, and may take it back. */
export const boundByController = 'pv.kubernetes.io/bound-by-controller';
/** On a volume: who made it, and so who may delete what is behind it. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by';
/** On a claim: the node for whose Pod its volume is to be made. */
export const selectedNode = 'volume.kubernetes.io/selected-node';
/** On a claim: who is asked to make its volume. Under its old and its new name. */
export const storageProvisioner = ['volume.beta.kubernetes.io/storage-provisioner', 'volume.kubernetes.io/storage-provisioner'] as const;

export const claimProtection = 'kubernetes.io/pvc-protection';
export const volumeProtection = 'kubernetes.io/pv-protection';
/** Holds a volume that was made for a claim until what is behind it is deleted. */
export const provisionerProtection = 'external-provisioner.volume.kubernetes.io/finalizer';

/** By this field nodes select the claims for which they are to make a directory, and the volumes that are theirs: all that they may see. */
export const nodeField = 'peapod.dev/node';

/** Of which node the volume is a directory; undefined: of none. */
export function localNodeOf(volume: PersistentVolume): string | undefined {
  if (!volume.spec.local || annotationOf(volume, provisionedBy) !== localPathProvisioner) return undefined;
  const [term, ...others] = volume.spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const [place, ...more] = term?.matchExpressions ?? [];
  return others.length === 0 && more.length === 0 && place?.key === 'kubernetes.io/hostname' && place.operator === 'In' && place.values?.length === 1 ? place.values[0] : undefined;
}

export function annotationOf({ metadata }: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } }, name: string): string | undefined {
  return metadata.annotations?.[name];
}

export function isFullyBound(claim: PersistentVolumeClaim): boolean {
  return !!claim.spec.volumeName && annotationOf(claim, bindCompleted) !== undefined;
}

/** The volume is the claim's, or is kept for it. */
export function isVolumeOf({ spec: { claimRef } }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  return claimRef?.name === metadata.name && claimRef.namespace === metadata.namespace && (!claimRef.uid || claimRef.uid === metadata.uid);
}

export const modeOf = ({ spec }: PersistentVolume | PersistentVolumeClaim): string => spec.volumeMode || 'Filesystem';

/** The claim that a volume of the Pod stands for; undefined: none. */
export function claimNameOf(pod: Pick<Pod, 'metadata'>, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined;
}

export function claimNamesOf(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? []);
}

/** Why a claim cannot stand for the Pod's ephemeral volume: somebody else's claim has its name. */
export function notForPod(pod: Pick<Pod, 'metadata'>, { metadata }: PersistentVolumeClaim): string | undefined {
  const isOwn = metadata.ownerReferences?.some(({ controller, uid }) => controller && uid === pod.metadata.uid);
  return isOwn ? undefined : `PVC ${metadata.namespace}/${metadata.name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
}

const shortModes: Readonly<Record<string, string>> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' };

/** As kubectl shows them: `RWO,ROX`. */
export function accessModesText(modes: readonly string[] | undefined): string {
  return Object.keys(shortModes).filter((mode) => modes?.includes(mode)).map((mode) => shortModes[mode]).join(',');
}
