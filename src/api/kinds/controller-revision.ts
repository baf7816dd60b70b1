// The ControllerRevision: what a StatefulSet's or DaemonSet's template was at some time, to tell versions apart and to go back.
import { controllerOf } from '../meta.ts';
import type { ControllerRevision } from '../types.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { present, Report } from './validation/report.ts';

export const controllerRevisions = defineKind<ControllerRevision>({
  kind: 'ControllerRevision',
  group: 'apps',
  validate({ data, revision }) {
    const report = new Report();
    if (!present(data)) report.required('data', 'data is mandatory');
    report.notNegative('revision', revision);
    return report.causes;
  },
  validateUpdate({ data }, before) {
    const report = new Report();
    report.immutable('data', data, before.data);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Controller', 'Whose template it was.', ownerText),
    integer('Revision', 'The place of it in the order of versions.', ({ revision }) => revision),
    ageColumn,
  ],
});

function ownerText(revision: ControllerRevision): string {
  const owner = controllerOf(revision);
  if (!owner) return '<none>';
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.slice(0, owner.apiVersion.indexOf('/'))}` : '';
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}
