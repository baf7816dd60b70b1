// PersistentVolumeClaimResize: a claim may ask for more only where its class says that its volumes can grow.
import { compareQuantities } from '../../api/quantity.ts';
import { storageClasses } from '../../api/kinds/storage-class.ts';
import { classNameOf } from '../../api/storage/classes.ts';
import { sizeOf } from '../../api/storage/find-volume.ts';
import type { PersistentVolumeClaim } from '../../api/types.ts';
import type { Admission } from './admission.ts';
import { forbidden } from './forbidden.ts';

export const persistentVolumeClaimResize: Admission = {
  name: 'PersistentVolumeClaimResize',
  handles: ({ verb, kind, subresource }) => verb === 'update' && kind.plural === 'persistentvolumeclaims' && kind.group === '' && !subresource,
  validate(request, world) {
    const [after, before] = [request.draft as PersistentVolumeClaim, request.before as PersistentVolumeClaim];
    if (compareQuantities(sizeOf(after.spec.resources?.requests), sizeOf(before.spec.resources?.requests)) <= 0) return;
    if (before.status.phase !== 'Bound') throw forbidden(request, 'Only bound persistent volume claims can be expanded');
    const name = classNameOf(before);
    if (name && world.get(storageClasses, { namespace: '', name })?.allowVolumeExpansion) return;
    throw forbidden(request, 'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize');
  },
};
