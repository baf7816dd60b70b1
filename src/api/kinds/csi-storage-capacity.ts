// The CSIStorageCapacity: how much a storage driver of another maker has left, where. Data only: none is run here.
import { dnsSubdomain } from '../names.ts';
import type { CSIStorageCapacity } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { checkAmount } from './pod/validate-resources.ts';
import { Report } from './validation/report.ts';
import { checkLabelSelector } from './validation/rules.ts';

export const csiStorageCapacities = defineKind<CSIStorageCapacity>({
  kind: 'CSIStorageCapacity',
  group: 'storage.k8s.io',
  plural: 'csistoragecapacities',
  validate({ storageClassName, nodeTopology, capacity, maximumVolumeSize }) {
    const report = new Report();
    report.requiredName('storageClassName', storageClassName, dnsSubdomain);
    if (nodeTopology) checkLabelSelector(report, 'nodeTopology', nodeTopology);
    if (capacity) checkAmount(report, 'capacity', 'storage', capacity);
    if (maximumVolumeSize) checkAmount(report, 'maximumVolumeSize', 'storage', maximumVolumeSize);
    return report.causes;
  },
  validateUpdate({ storageClassName, nodeTopology }, before) {
    const report = new Report();
    report.immutable('storageClassName', storageClassName, before.storageClassName);
    report.immutable('nodeTopology', nodeTopology, before.nodeTopology);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('StorageClassName', 'The class of the volumes.', ({ storageClassName }) => storageClassName),
    text('Capacity', 'What is left.', ({ capacity }) => capacity ?? '<unset>'),
    ageColumn,
  ],
});
