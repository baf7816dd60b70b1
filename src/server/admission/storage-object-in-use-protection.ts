// StorageObjectInUseProtection: claims and volumes stay while they are used. Controllers take the finalizers off again.
import { claimProtection, volumeProtection } from '../../api/storage/claims.ts';
import type { Admission } from './admission.ts';

const finalizers: Readonly<Record<string, string>> = { persistentvolumeclaims: claimProtection, persistentvolumes: volumeProtection };

export const storageObjectInUseProtection: Admission = {
  name: 'StorageObjectInUseProtection',
  handles: ({ verb, kind, subresource }) => verb === 'create' && kind.group === '' && kind.plural in finalizers && !subresource,
  mutate({ kind, draft }) {
    const { metadata } = draft!;
    const name = finalizers[kind.plural]!;
    if (!metadata.finalizers?.includes(name)) metadata.finalizers = [...(metadata.finalizers ?? []), name];
  },
};
