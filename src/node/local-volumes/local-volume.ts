// Peapod's own kind of storage: a directory of the node where the Pod is. Which claims this node makes one for, what the
// volume looks like, and when its directory goes. Pure.
import { join } from 'node:path';
import { isBeingDeleted } from '../../api/meta.ts';
import { annotationOf, provisionedBy, provisionerProtection, selectedNode, storageProvisioner } from '../../api/storage/claims.ts';
import { localPathProvisioner } from '../../api/storage/classes.ts';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/types.ts';

/** The claim is for this node, and still without a volume. */
export function isAskedFor(claim: PersistentVolumeClaim, nodeName: string): boolean {
  return annotationOf(claim, storageProvisioner[1]) === localPathProvisioner && annotationOf(claim, selectedNode) === nodeName && !claim.spec.volumeName && !isBeingDeleted(claim);
}

/** Why no directory can be what the claim asks for; undefined: it can. */
export function whyNot({ spec }: PersistentVolumeClaim): string | undefined {
  if (spec.volumeMode === 'Block') return `${localPathProvisioner} makes directories, not block devices`;
  if (spec.selector) return 'claim.Spec.Selector is not supported';
  return spec.dataSource || spec.dataSourceRef ? `${localPathProvisioner} cannot fill a volume from a data source` : undefined;
}

export function volumeNameFor({ metadata }: PersistentVolumeClaim): string {
  return `pvc-${metadata.uid}`;
}

/** A directory that people find: it names the claim. */
export function directoryFor(claim: PersistentVolumeClaim, root: string): string {
  const { namespace, name } = claim.metadata;
  return join(root, `${volumeNameFor(claim)}_${namespace}_${name}`);
}

export function localVolume(claim: PersistentVolumeClaim, storageClass: StorageClass, nodeName: string, path: string) {
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  return {
    metadata: { name: volumeNameFor(claim), annotations: { [provisionedBy]: localPathProvisioner }, finalizers: [provisionerProtection] },
    spec: {
      accessModes: claim.spec.accessModes,
      capacity: { storage: claim.spec.resources?.requests?.storage ?? '0' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion },
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] }] }] } },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      volumeMode: 'Filesystem',
      ...(storageClass.mountOptions ? { mountOptions: storageClass.mountOptions } : {}),
    },
  };
}

/** What this node does with a volume of its own: deletes the directory, or only lets go of the object. */
export function endOf(volume: PersistentVolume, root: string): 'delete' | 'let-go' | undefined {
  const { metadata, spec, status } = volume;
  if (annotationOf(volume, provisionedBy) !== localPathProvisioner || !spec.local?.path.startsWith(`${root}/`)) return undefined;
  const isFree = status.phase === 'Released' || status.phase === 'Failed' || (isBeingDeleted(volume) && status.phase !== 'Bound');
  if (!isFree) return undefined;
  if (spec.persistentVolumeReclaimPolicy === 'Delete') return 'delete';
  return isBeingDeleted(volume) && metadata.finalizers?.includes(provisionerProtection) ? 'let-go' : undefined;
}
