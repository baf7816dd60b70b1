// What a claim may ask for; also in the template of a Pod's ephemeral volume.
import { dnsSubdomain } from '../../names.ts';
import { compareQuantities, parseQuantity, quantityMessage } from '../../quantity.ts';
import type { PersistentVolumeClaim } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkLabelSelector } from '../validation/rules.ts';

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const volumeModes = ['Block', 'Filesystem'];
const zero = { nano: 0n, format: 'DecimalSI' } as const;

export function checkClaimSpec(report: Report, field: string, spec: Partial<PersistentVolumeClaim['spec']>): void {
  if (!spec.accessModes?.length) report.required(`${field}.accessModes`, 'at least 1 access mode is required');
  checkLabelSelector(report, `${field}.selector`, spec.selector);
  checkAccessModes(report, `${field}.accessModes`, spec.accessModes);
  const storage = spec.resources?.requests?.storage;
  if (present(storage)) checkSize(report, `${field}.resources[storage]`, storage);
  else report.required(`${field}.resources[storage]`);
  if (spec.storageClassName) report.follows(`${field}.storageClassName`, spec.storageClassName, dnsSubdomain);
  report.word(`${field}.volumeMode`, spec.volumeMode, volumeModes);
  for (const name of ['dataSource', 'dataSourceRef'] as const) {
    const source = spec[name];
    if (!source) continue;
    if (!source.name) report.required(`${field}.${name}.name`);
    if (!source.kind) report.required(`${field}.${name}.kind`);
    if (!source.apiGroup && source.kind && source.kind !== 'PersistentVolumeClaim') report.invalid(`${field}.${name}`, source.kind, '');
  }
}

export function checkAccessModes(report: Report, field: string, modes: readonly string[] | undefined): void {
  for (const mode of modes ?? []) if (!accessModes.includes(mode)) report.notSupported(field, mode, accessModes);
  if (modes?.includes('ReadWriteOncePod') && modes.some((mode) => mode !== 'ReadWriteOncePod')) report.forbidden(field, 'may not use ReadWriteOncePod with other access modes');
}

export function checkSize(report: Report, field: string, written: string): void {
  const size = parseQuantity(written);
  if (!size) report.invalid(field, written, quantityMessage);
  else if (compareQuantities(size, zero) <= 0) report.invalid(field, written, 'must be greater than zero');
  else if (size.nano % 1_000_000_000n !== 0n) report.invalid(field, written, 'must be an integer');
}
