// The VolumeAttributesClass: properties of a volume that its driver can change. Data only.
import { sameJson } from '../meta.ts';
import { qualifiedName } from '../names.ts';
import type { VolumeAttributesClass } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { Report } from './validation/report.ts';

/** Of all names and values together. */
const mostBytes = 256 * 1024;
const mostParameters = 512;

export const volumeAttributesClasses = defineKind<VolumeAttributesClass>({
  kind: 'VolumeAttributesClass',
  group: 'storage.k8s.io',
  plural: 'volumeattributesclasses',
  shortNames: ['vac'],
  namespaced: false,
  validate({ driverName, parameters = {} }) {
    const report = new Report();
    report.requiredName('driverName', driverName, qualifiedName);
    const names = Object.keys(parameters);
    if (names.length === 0) report.required('parameters', 'must contain at least one key/value pair');
    if (names.length > mostParameters) report.tooMany('parameters', names.length, mostParameters);
    if (names.some((name) => name === '')) report.invalid('parameters', '', 'field can not be empty.');
    if (names.reduce((sum, name) => sum + name.length + parameters[name]!.length, 0) > mostBytes) report.tooLong('parameters', mostBytes);
    return report.causes;
  },
  validateUpdate({ driverName, parameters }, before) {
    const report = new Report();
    if (driverName !== before.driverName) report.forbidden('driverName', 'updates to driverName are forbidden.');
    if (!sameJson(parameters, before.parameters)) report.forbidden('parameters', 'updates to parameters are forbidden.');
    return report.causes;
  },
  columns: [nameColumn, text('DriverName', 'The driver whose volumes it is for.', ({ driverName }) => driverName), ageColumn],
});
