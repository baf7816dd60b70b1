// The CSIDriver: what a storage driver of another maker can do. Data only: none is run here.
import type { CSIDriver } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';

export const csiDrivers = defineKind<CSIDriver>({
  kind: 'CSIDriver',
  group: 'storage.k8s.io',
  namespaced: false,
  defaults(draft) {
    draft.spec ??= {};
    const { spec } = draft;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ||= 'ReadWriteOnceWithFSType';
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  columns: [
    nameColumn,
    text('AttachRequired', 'Whether a volume is attached to a node before it is mounted.', ({ spec }) => spec.attachRequired ?? true),
    text('PodInfoOnMount', 'Whether the driver is told of the Pod.', ({ spec }) => spec.podInfoOnMount ?? false),
    text('StorageCapacity', 'Whether the driver tells how much it has.', ({ spec }) => spec.storageCapacity ?? false),
    text('TokenRequests', 'The audiences of the tokens that the driver gets.', ({ spec }) => spec.tokenRequests?.map(({ audience }) => audience).join(',') || '<unset>'),
    text('RequiresRepublish', 'Whether the driver is called again and again.', ({ spec }) => spec.requiresRepublish ?? false),
    text('Modes', 'What lives the volumes can have.', ({ spec }) => spec.volumeLifecycleModes?.join(',') || '<none>'),
    ageColumn,
  ],
});
