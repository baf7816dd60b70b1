// The StorageClass: a kind of storage, who makes it, and when.
import { isDefaultClass } from '../storage/classes.ts';
import { labelValue, qualifiedName } from '../names.ts';
import { sameJson } from '../meta.ts';
import type { StorageClass } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { Report } from './validation/report.ts';
import { oldLabel } from './validation/warnings.ts';

const mostParameters = 512;
const mostParameterBytes = 256 * 1024;

export const storageClasses = defineKind<StorageClass>({
  kind: 'StorageClass',
  group: 'storage.k8s.io',
  plural: 'storageclasses',
  shortNames: ['sc'],
  namespaced: false,
  defaults(draft) {
    draft.reclaimPolicy ||= 'Delete';
    draft.volumeBindingMode ||= 'Immediate';
  },
  warnings: ({ allowedTopologies = [] }) =>
    allowedTopologies.flatMap(({ matchLabelExpressions = [] }, i) => matchLabelExpressions.flatMap(({ key }, j) => (oldLabel(key) ? [`allowedTopologies[${i}].matchLabelExpressions[${j}]: ${oldLabel(key)}`] : []))),
  validate({ provisioner, parameters, reclaimPolicy, volumeBindingMode, allowedTopologies }) {
    const report = new Report();
    if (provisioner) for (const why of qualifiedName(provisioner.toLowerCase())) report.invalid('provisioner', provisioner, why);
    else report.required('provisioner');
    checkParameters(report, parameters);
    report.word('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']);
    report.requiredWord('volumeBindingMode', volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']);
    allowedTopologies?.forEach(({ matchLabelExpressions }, index) =>
      matchLabelExpressions?.forEach(({ key, values }, at) => {
        const field = `allowedTopologies[${index}].matchLabelExpressions[${at}]`;
        if (!values?.length) report.required(`${field}.values`);
        values?.forEach((value, valueAt) => report.follows(`${field}.values[${valueAt}]`, value, labelValue));
        report.follows(`${field}.key`, key ?? '', qualifiedName);
      }),
    );
    return report.causes;
  },
  validateUpdate(after, before) {
    const report = new Report();
    for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const) {
      if (!sameJson(after[field] ?? {}, before[field] ?? {})) report.forbidden(field, `updates to ${field} are forbidden.`);
    }
    report.immutable('volumeBindingMode', after.volumeBindingMode, before.volumeBindingMode);
    return report.causes;
  },
  columns: [
    { ...nameColumn, cell: ({ metadata }) => (isDefaultClass({ metadata }) ? `${metadata.name} (default)` : metadata.name) },
    text('Provisioner', 'Who makes volumes of this class.', ({ provisioner }) => provisioner),
    text('ReclaimPolicy', 'What becomes of a volume when its claim is gone.', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
    text('VolumeBindingMode', 'Whether a claim gets its volume at once, or when a Pod first needs it.', ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate'),
    text('AllowVolumeExpansion', 'Whether a claim may ask for more later.', ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
    ageColumn,
  ],
});

function checkParameters(report: Report, parameters: Readonly<Record<string, string>> = {}): void {
  if (Object.keys(parameters).length > mostParameters) return report.tooLong('parameters', mostParameters);
  let bytes = 0;
  for (const key in parameters) {
    if (key === '') report.invalid('parameters', key, 'field can not be empty.');
    bytes += Buffer.byteLength(key) + Buffer.byteLength(parameters[key]!);
  }
  if (bytes > mostParameterBytes) report.tooLong('parameters', mostParameterBytes);
}
