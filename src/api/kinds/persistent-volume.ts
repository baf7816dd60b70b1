// The PersistentVolume: a piece of storage of the cluster, with a life of its own.
import { formatTime } from '../../base/clock.ts';
import { isBeingDeleted, sameJson } from '../meta.ts';
import { dnsSubdomain } from '../names.ts';
import { formatQuantity, parseQuantity } from '../quantity.ts';
import { accessModesText, localNodeOf, nodeField } from '../storage/claims.ts';
import { classNameOf } from '../storage/classes.ts';
import type { PersistentVolume } from '../types.ts';
import { ageColumn, nameColumn, text, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { checkNodeSelector } from './pod/validate-scheduling.ts';
import { checkAccessModes, checkSize, volumeModes } from './volume/validate-claim-spec.ts';
import { present, Report } from './validation/report.ts';
import { checkNoBacksteps } from './validation/rules.ts';
import { oldClassWarnings, oldLabel } from './validation/warnings.ts';

type Spec = PersistentVolume['spec'];

/** Of the fields of a spec, those that say where the storage is. */
const sources = [
  'awsElasticBlockStore', 'azureDisk', 'azureFile', 'cephfs', 'cinder', 'csi', 'fc', 'flexVolume', 'flocker', 'gcePersistentDisk', 'glusterfs', 'hostPath', 'iscsi', 'local', 'nfs', 'photonPersistentDisk',
  'portworxVolume', 'quobyte', 'rbd', 'scaleIO', 'storageos', 'vsphereVolume',
] as const satisfies readonly (keyof Spec)[];

const oldSources: Readonly<Record<string, string>> = {
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};

export const persistentVolumes = defineKind<PersistentVolume>({
  kind: 'PersistentVolume',
  shortNames: ['pv'],
  namespaced: false,
  hasStatus: true,
  selectableFields: { [nodeField]: (volume) => localNodeOf(volume) ?? '' },
  defaults(draft) {
    draft.spec ??= {};
    draft.status ??= {};
    const { spec, status } = draft;
    spec.persistentVolumeReclaimPolicy ||= 'Retain';
    spec.volumeMode ||= 'Filesystem';
    if (spec.hostPath) spec.hostPath.type ??= '';
    for (const name in spec.capacity) {
      const parsed = parseQuantity(spec.capacity[name]!);
      if (parsed) spec.capacity[name] = formatQuantity(parsed);
    }
    status.phase ||= 'Pending';
  },
  prepareCreate(draft, { nowMs }) {
    draft.status = { phase: 'Pending', lastPhaseTransitionTime: formatTime(nowMs) };
  },
  prepareUpdate(draft, before) {
    draft.status = before.status;
  },
  prepareStatus(draft, before, { nowMs }) {
    draft.spec = before.spec;
    const { status } = draft;
    if (status.phase === before.status.phase) status.lastPhaseTransitionTime ??= before.status.lastPhaseTransitionTime;
    else if (status.lastPhaseTransitionTime === before.status.lastPhaseTransitionTime || !status.lastPhaseTransitionTime) status.lastPhaseTransitionTime = formatTime(nowMs);
  },
  warnings: ({ metadata, spec }) => [
    ...oldClassWarnings(metadata.annotations),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle' ? ['spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.'] : []),
    ...(spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap(({ matchExpressions = [] }, term) =>
      matchExpressions.flatMap(({ key }, i) => (oldLabel(key) ? [`spec.nodeAffinity.required.nodeSelectorTerms[${term}].matchExpressions[${i}].key: ${key} is ${oldLabel(key)}`] : [])),
    ),
    ...Object.entries(oldSources).flatMap(([source, what]) => ((spec as Record<string, unknown>)[source] ? [`spec.${source === 'storageos' ? 'storageOS' : source}: ${what}`] : [])),
  ],
  validate({ spec }) {
    const report = new Report();
    if (!spec.accessModes?.length) report.required('spec.accessModes');
    checkAccessModes(report, 'spec.accessModes', spec.accessModes);
    checkCapacity(report, spec);
    report.word('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, ['Delete', 'Recycle', 'Retain']);
    if (spec.nodeAffinity) {
      if (spec.nodeAffinity.required) checkNodeSelector(report, 'spec.nodeAffinity.required', spec.nodeAffinity.required);
      else report.required('spec.nodeAffinity.required', 'must specify required node constraints');
    }
    checkSource(report, spec);
    if (spec.storageClassName) report.follows('spec.storageClassName', spec.storageClassName, dnsSubdomain);
    report.word('spec.volumeMode', spec.volumeMode, volumeModes);
    return report.causes;
  },
  validateUpdate({ spec }, { spec: old }) {
    const report = new Report();
    const source = (of: Spec) => Object.fromEntries(sources.map((name) => [name, of[name]]));
    if (!sameJson(source(spec), source(old))) report.forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation');
    report.immutable('volumeMode', spec.volumeMode, old.volumeMode);
    if (old.nodeAffinity) report.immutable('nodeAffinity', spec.nodeAffinity, old.nodeAffinity);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Capacity', 'How much it has.', ({ spec }) => spec.capacity?.storage ?? '0'),
    text('Access Modes', 'How it may be used: RWO, ROX, RWX, RWOP.', ({ spec }) => accessModesText(spec.accessModes)),
    text('Reclaim Policy', 'What becomes of it when its claim is gone.', ({ spec }) => spec.persistentVolumeReclaimPolicy ?? ''),
    text('Status', 'Whether it is free, bound or left behind.', (volume) => (isBeingDeleted(volume) ? 'Terminating' : (volume.status.phase ?? ''))),
    text('Claim', 'The claim that it is bound to.', ({ spec: { claimRef } }) => (claimRef ? `${claimRef.namespace}/${claimRef.name}` : '')),
    text('StorageClass', 'Its class.', classNameOf),
    text('VolumeAttributesClass', 'Its class of attributes.', ({ spec }) => spec.volumeAttributesClassName ?? '<unset>'),
    text('Reason', 'Why it is as it is.', ({ status }) => status.reason ?? ''),
    ageColumn,
    wide(text('VolumeMode', 'Whether it is a file system or a block device.', ({ spec }) => spec.volumeMode ?? '<unset>')),
  ],
});

function checkCapacity(report: Report, { capacity }: Spec): void {
  const names = Object.keys(capacity ?? {});
  if (names.length === 0) return report.required('spec.capacity');
  if (names.length > 1 || names[0] !== 'storage') report.notSupported('spec.capacity', capacity, ['storage']);
  for (const name of names) checkSize(report, `spec.capacity[${name}]`, capacity![name]!);
}

function checkSource(report: Report, spec: Spec): void {
  const given = sources.filter((name) => present(spec[name]));
  if (given.length === 0) return report.required('spec', 'must specify a volume type');
  for (const other of given.slice(1)) report.forbidden(`spec.${other}`, 'may not specify more than 1 volume type');
  const { hostPath, local, nfs, csi } = spec;
  if (hostPath) {
    if (!hostPath.path) report.required('spec.hostPath.path');
    else checkNoBacksteps(report, 'spec.hostPath.path', hostPath.path);
    report.word('spec.hostPath.type', hostPath.type, ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']);
    if (/^\/+$/.test(hostPath.path) && spec.persistentVolumeReclaimPolicy === 'Recycle') report.forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'");
  }
  if (local) {
    if (!local.path) report.required('spec.local.path');
    else checkNoBacksteps(report, 'spec.local.path', local.path);
    if (!spec.nodeAffinity) report.required('spec.nodeAffinity', 'Local volume requires node affinity');
  }
  if (nfs) {
    if (!nfs.server) report.required('spec.nfs.server');
    if (!nfs.path) report.required('spec.nfs.path');
    else if (!nfs.path.startsWith('/')) report.invalid('spec.nfs.path', nfs.path, 'must be an absolute path');
  }
  if (csi) {
    if (!csi.driver) report.required('spec.csi.driver');
    if (!csi.volumeHandle) report.required('spec.csi.volumeHandle');
  }
}
