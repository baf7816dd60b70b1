// The VolumeAttachment: that a volume is to be attached to a node by its driver. Data only: no driver is run here.
import type { VolumeAttachment } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { Report } from './validation/report.ts';

export const volumeAttachments = defineKind<VolumeAttachment>({
  kind: 'VolumeAttachment',
  group: 'storage.k8s.io',
  namespaced: false,
  hasStatus: true,
  validate({ spec }) {
    const report = new Report();
    if (!spec?.attacher) report.required('spec.attacher');
    if (!spec?.source?.persistentVolumeName && !spec?.source?.inlineVolumeSpec) report.required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
    if (!spec?.nodeName) report.required('spec.nodeName');
    return report.causes;
  },
  validateUpdate({ spec }, before) {
    const report = new Report();
    report.immutable('spec', spec, before.spec);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Attacher', 'The driver that attaches.', ({ spec }) => spec.attacher),
    text('PV', 'The volume.', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    text('Node', 'The node.', ({ spec }) => spec.nodeName),
    text('Attached', 'Whether it is attached.', ({ status }) => status?.attached ?? false),
    ageColumn,
  ],
});
