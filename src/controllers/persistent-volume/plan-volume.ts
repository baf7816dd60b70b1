// What a volume needs next, pure.
//
//   Available ── a claim is bound ──▶ Bound ── the claim is gone ──▶ Released ── Retain: stays so, for people to look after
//                                                                       │        Delete: its provisioner deletes what is behind it
//                                                                       └─ nobody can ──▶ Failed
import { annotationOf, provisionedBy } from '../../api/storage/claims.ts';
import { localPathProvisioner } from '../../api/storage/classes.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import { wasChosen } from './plan-claim.ts';

export type VolumePlan =
  | { readonly type: 'phase'; readonly phase: 'Available' | 'Bound' | 'Released' }
  | { readonly type: 'failed'; readonly reason: string; readonly message: string }
  /** The claim has not said yes yet: it is looked at. */
  | { readonly type: 'ask-claim' }
  /** `keepsName`: a person reserved it for that name. */
  | { readonly type: 'release'; readonly keepsName: boolean };

/** `claim`: the one of the name that the volume's reference has, if there is one. */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const { claimRef } = volume.spec;
  if (!claimRef?.uid) return { type: 'phase', phase: 'Available' };
  // A claim of the same name that is another's.
  const own = claim?.metadata.uid === claimRef.uid ? claim : undefined;
  if (!own) return reclaim(volume);
  if (!own.spec.volumeName) return { type: 'ask-claim' };
  if (own.spec.volumeName === volume.metadata.name) return { type: 'phase', phase: 'Bound' };
  if (annotationOf(volume, provisionedBy) !== undefined && volume.spec.persistentVolumeReclaimPolicy === 'Delete') return reclaim(volume);
  return { type: 'release', keepsName: !wasChosen(volume) };
}

function reclaim(volume: PersistentVolume): VolumePlan {
  const name = JSON.stringify(volume.metadata.name);
  switch (volume.spec.persistentVolumeReclaimPolicy) {
    case 'Delete':
      // Whoever made it deletes it. What nobody made, nobody can delete.
      if (annotationOf(volume, provisionedBy) !== undefined) return { type: 'phase', phase: 'Released' };
      return { type: 'failed', reason: 'VolumeFailedDelete', message: `error getting deleter volume plugin for volume ${name}: no deletable volume plugin matched` };
    case 'Recycle':
      return { type: 'failed', reason: 'VolumeFailedRecycle', message: 'No recycler plugin found for the volume!' };
    default:
      return { type: 'phase', phase: 'Released' };
  }
}

/** Peapod's own volumes are directories without a bound, so they can be called larger. */
export function growsFreely(volume: PersistentVolume): boolean {
  return annotationOf(volume, provisionedBy) === localPathProvisioner;
}
