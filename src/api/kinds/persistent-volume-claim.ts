// The PersistentVolumeClaim: what storage someone asks for, and, once bound, which volume it is.
import { draftOf, isBeingDeleted, sameJson } from '../meta.ts';
import { compareQuantities, formatQuantity, parseQuantity } from '../quantity.ts';
import { accessModesText, annotationOf, nodeField, selectedNode } from '../storage/claims.ts';
import { classNameOf } from '../storage/classes.ts';
import { sizeOf } from '../storage/find-volume.ts';
import type { PersistentVolumeClaim } from '../types.ts';
import { ageColumn, nameColumn, text, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { checkClaimSpec } from './volume/validate-claim-spec.ts';
import { Report } from './validation/report.ts';
import { claimWarnings, oldClassWarnings } from './validation/warnings.ts';

export const persistentVolumeClaims = defineKind<PersistentVolumeClaim>({
  kind: 'PersistentVolumeClaim',
  shortNames: ['pvc'],
  hasStatus: true,
  selectableFields: { [nodeField]: (claim) => annotationOf(claim, selectedNode) ?? '' },
  defaults(draft) {
    draft.spec ??= {};
    draft.status ??= {};
    defaultClaimSpec(draft.spec);
    draft.status.phase ||= 'Pending';
  },
  prepareCreate(draft) {
    draft.status = { phase: 'Pending' };
    // The one is the other's newer name, for what both can say.
    const { spec } = draft;
    if (spec?.dataSource && !spec.dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
    else if (spec?.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace && isOrdinarySource(spec.dataSourceRef)) {
      const { apiGroup, kind, name } = spec.dataSourceRef;
      spec.dataSource = { ...(apiGroup ? { apiGroup } : {}), kind, name };
    }
  },
  prepareUpdate(draft, before) {
    draft.status = before.status;
  },
  prepareStatus(draft, before) {
    draft.spec = before.spec;
  },
  warnings: ({ metadata, spec }) => [...oldClassWarnings(metadata.annotations), ...claimWarnings('spec', spec.resources)],
  validate({ spec }) {
    const report = new Report();
    checkClaimSpec(report, 'spec', spec);
    return report.causes;
  },
  validateUpdate(after, before) {
    const report = new Report();
    // Written once: by who binds it, and by who gives it the default class.
    const old = draftOf(before.spec);
    if (!old.volumeName) old.volumeName = after.spec.volumeName;
    if (old.storageClassName === undefined && !before.spec.volumeName) old.storageClassName = after.spec.storageClassName;
    old.volumeAttributesClassName = after.spec.volumeAttributesClassName;
    if (before.status.phase === 'Bound' && after.spec.resources?.requests?.storage) old.resources = { ...old.resources, requests: { ...old.resources?.requests, storage: after.spec.resources.requests.storage } };
    if (!sameJson(after.spec, old)) report.forbidden('spec', 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims');
    const [size, earlier] = [sizeOf(after.spec.resources?.requests), sizeOf(before.spec.resources?.requests)];
    if (compareQuantities(size, earlier) < 0 && compareQuantities(size, sizeOf(before.status.capacity)) <= 0) {
      report.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity');
    }
    report.immutable('volumeMode', after.spec.volumeMode, before.spec.volumeMode);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Status', 'Whether it has its volume.', (claim) => (isBeingDeleted(claim) ? 'Terminating' : (claim.status.phase ?? ''))),
    text('Volume', 'The volume that it is bound to.', ({ spec }) => spec.volumeName ?? ''),
    text('Capacity', 'How much the volume has.', ({ spec, status }) => (spec.volumeName ? (status.capacity?.storage ?? '0') : '')),
    text('Access Modes', 'How the volume may be used: RWO, ROX, RWX, RWOP.', ({ spec, status }) => (spec.volumeName ? accessModesText(status.accessModes) : '')),
    text('StorageClass', 'Its class.', classNameOf),
    text('VolumeAttributesClass', 'Its class of attributes.', ({ spec }) => spec.volumeAttributesClassName ?? '<unset>'),
    ageColumn,
    wide(text('VolumeMode', 'Whether it is a file system or a block device.', ({ spec }) => spec.volumeMode ?? '<unset>')),
  ],
});

export function defaultClaimSpec(spec: PersistentVolumeClaim['spec']): void {
  spec.volumeMode ||= 'Filesystem';
  for (const amounts of [spec.resources?.requests, spec.resources?.limits]) {
    for (const name in amounts) {
      const parsed = parseQuantity(amounts[name]!);
      if (parsed) amounts[name] = formatQuantity(parsed);
    }
  }
}

function isOrdinarySource({ apiGroup, kind }: { readonly apiGroup?: string; readonly kind: string }): boolean {
  return (kind === 'PersistentVolumeClaim' && !apiGroup) || (kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io');
}
