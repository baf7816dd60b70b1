// Writes a binding of a claim and a volume, in the order in which it is safe to be cut off: the volume first, so that no
// other claim can have it, then the claim. Every part is looked at anew, so that it can be taken up anywhere.
import { persistentVolumeClaims } from '../../api/kinds/persistent-volume-claim.ts';
import { persistentVolumes } from '../../api/kinds/persistent-volume.ts';
import { sameJson } from '../../api/meta.ts';
import { annotationOf, bindCompleted, boundByController, isVolumeOf } from '../../api/storage/claims.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import type { Client } from '../../client/client.ts';

/** Throws Conflict when either has changed since it was looked at. */
export async function writeBinding(client: Client, claim: PersistentVolumeClaim, volume: PersistentVolume, signal: AbortSignal): Promise<void> {
  let kept = volume;
  if (volume.spec.claimRef?.uid !== claim.metadata.uid) {
    const chosen = volume.spec.claimRef === undefined || !isVolumeOf(volume, claim);
    kept = await client.update(persistentVolumes, { ...annotated(volume, chosen ? { [boundByController]: 'yes' } : {}), spec: { ...volume.spec, claimRef: referenceTo(claim) } }, signal);
  }
  if (kept.status.phase !== 'Bound') kept = await setVolumePhase(client, kept, { phase: 'Bound' }, signal);

  let bound = claim;
  const { name } = volume.metadata;
  if (claim.spec.volumeName !== name || annotationOf(claim, bindCompleted) === undefined) {
    const chosen = claim.spec.volumeName !== name;
    const marks = { [bindCompleted]: 'yes', ...(chosen ? { [boundByController]: 'yes' } : {}) };
    bound = await client.update(persistentVolumeClaims, { ...annotated(claim, marks), spec: { ...claim.spec, volumeName: name } }, signal);
  }
  const isNew = bound.status.phase !== 'Bound';
  const status = { ...bound.status, phase: 'Bound', accessModes: kept.spec.accessModes, ...(isNew ? { capacity: kept.spec.capacity } : {}) };
  if (!sameJson(status, bound.status)) await client.updateStatus(persistentVolumeClaims, { ...bound, status }, signal);
}

export async function setVolumePhase(client: Client, volume: PersistentVolume, { phase, reason, message }: { readonly phase: string; readonly reason?: string; readonly message?: string }, signal: AbortSignal): Promise<PersistentVolume> {
  const { status } = volume;
  if (status.phase === phase && status.message === message) return volume;
  // When the phase began is for the API to say.
  const after = { phase, ...(reason ? { reason } : {}), ...(message ? { message } : {}) };
  return client.updateStatus(persistentVolumes, { ...volume, status: after }, signal);
}

export async function setClaimPhase(client: Client, claim: PersistentVolumeClaim, phase: 'Pending' | 'Lost', signal: AbortSignal): Promise<void> {
  if (claim.status.phase !== phase) await client.updateStatus(persistentVolumeClaims, { ...claim, status: { ...claim.status, phase } }, signal);
}

export function annotated<T extends PersistentVolume | PersistentVolumeClaim>(object: T, annotations: Readonly<Record<string, string>>): T {
  return { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } } };
}

function referenceTo({ metadata }: PersistentVolumeClaim) {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
}
