// DefaultStorageClass: a claim that names no class gets the default one, if there is one. A claim that names '' wants none.
import { storageClasses } from '../../api/kinds/storage-class.ts';
import { defaultClassOf, wantsDefaultClass } from '../../api/storage/classes.ts';
import type { PersistentVolumeClaim } from '../../api/types.ts';
import type { Admission } from './admission.ts';

export const defaultStorageClass: Admission = {
  name: 'DefaultStorageClass',
  handles: ({ verb, kind, subresource }) => verb === 'create' && kind.plural === 'persistentvolumeclaims' && kind.group === '' && !subresource,
  mutate({ draft }, world) {
    const claim = draft as PersistentVolumeClaim;
    if (!wantsDefaultClass(claim)) return;
    const chosen = defaultClassOf(world.list(storageClasses));
    if (chosen) claim.spec.storageClassName = chosen.metadata.name;
  },
};
