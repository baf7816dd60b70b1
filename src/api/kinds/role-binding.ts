// RoleBinding and ClusterRoleBinding: to whom a role is given, in one namespace or everywhere.
import { dnsSubdomain, pathSegment } from '../names.ts';
import type { Kind } from '../kind.ts';
import { sameJson } from '../meta.ts';
import type { ClusterRoleBinding, RoleBinding, Subject } from '../types.ts';
import { ageColumn, nameColumn, text, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { rbacGroup } from './role.ts';
import { Report } from './validation/report.ts';

const subjectKinds = ['ServiceAccount', 'User', 'Group'];

const shared: Partial<Kind<RoleBinding>> = {
  group: rbacGroup,
  validateName: pathSegment,
  defaults(draft) {
    if (draft.roleRef) draft.roleRef.apiGroup ||= rbacGroup;
    for (const subject of draft.subjects ?? []) {
      if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = rbacGroup;
    }
  },
  validateUpdate({ roleRef }, before) {
    const report = new Report();
    if (!sameJson(roleRef, before.roleRef)) report.invalid('roleRef', { apiGroup: roleRef.apiGroup, kind: roleRef.kind, name: roleRef.name }, 'cannot change roleRef');
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Role', 'The role that is given.', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
    ageColumn,
    wide(text('Users', 'The users to whom it is given.', (binding) => named(binding, 'User'))),
    wide(text('Groups', 'The groups to whom it is given.', (binding) => named(binding, 'Group'))),
    wide(text('ServiceAccounts', 'The service accounts to whom it is given.', (binding) => named(binding, 'ServiceAccount'))),
  ],
};

export const roleBindings = defineKind<RoleBinding>({
  ...shared,
  kind: 'RoleBinding',
  validate: (binding) => wrong(binding, ['Role', 'ClusterRole'], true),
});

export const clusterRoleBindings = defineKind<ClusterRoleBinding>({
  ...shared,
  kind: 'ClusterRoleBinding',
  namespaced: false,
  validate: (binding) => wrong(binding, ['ClusterRole'], false),
});

function wrong({ roleRef, subjects = [] }: RoleBinding, roleKinds: readonly string[], isNamespaced: boolean) {
  const report = new Report();
  const { apiGroup = '', kind = '', name } = roleRef ?? {};
  if (apiGroup !== rbacGroup) report.notSupported('roleRef.apiGroup', apiGroup, [rbacGroup]);
  if (!roleKinds.includes(kind)) report.notSupported('roleRef.kind', kind, roleKinds);
  report.requiredName('roleRef.name', name, pathSegment);
  subjects.forEach((subject, index) => checkSubject(report, `subjects[${index}]`, subject, isNamespaced));
  return report.causes;
}

function checkSubject(report: Report, field: string, { kind, name, namespace, apiGroup = '' }: Subject, isNamespaced: boolean): void {
  if (!name) report.required(`${field}.name`);
  switch (kind) {
    case 'ServiceAccount':
      if (name) report.follows(`${field}.name`, name, dnsSubdomain);
      if (apiGroup) report.notSupported(`${field}.apiGroup`, apiGroup, ['']);
      if (!isNamespaced && !namespace) report.required(`${field}.namespace`);
      return;
    case 'User':
    case 'Group':
      if (!name) report.invalid(`${field}.name`, name ?? '', `${kind.toLowerCase()} name cannot be empty`);
      if (apiGroup !== rbacGroup) report.notSupported(`${field}.apiGroup`, apiGroup, [rbacGroup]);
      return;
    default:
      report.notSupported(`${field}.kind`, kind ?? '', subjectKinds);
  }
}

function named({ subjects = [] }: RoleBinding, kind: string): string {
  return subjects.filter((subject) => subject.kind === kind).map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name)).join(', ');
}
