// Role and ClusterRole: what may be done, in one namespace or everywhere, by whom a binding names.
import { pathSegment } from '../names.ts';
import type { ClusterRole, PolicyRule, Role } from '../types.ts';
import { nameColumn } from './columns.ts';
import type { Column } from '../kind.ts';
import { defineKind } from './define-kind.ts';
import { Report } from './validation/report.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

const columns: readonly Column<Role>[] = [
  nameColumn,
  { name: 'Created At', type: 'date', description: 'When it was made.', priority: 0, cell: ({ metadata }) => metadata.creationTimestamp },
];

export const roles = defineKind<Role>({
  kind: 'Role',
  group: rbacGroup,
  validateName: pathSegment,
  validate: ({ rules }) => wrongRules(rules ?? [], true),
  columns,
});

export const clusterRoles = defineKind<ClusterRole>({
  kind: 'ClusterRole',
  group: rbacGroup,
  namespaced: false,
  validateName: pathSegment,
  validate: ({ rules }) => wrongRules(rules ?? [], false),
  columns,
});

function wrongRules(rules: readonly PolicyRule[], isNamespaced: boolean) {
  const report = new Report();
  rules.forEach((rule, index) => checkRule(report, `rules[${index}]`, rule, isNamespaced));
  return report.causes;
}

function checkRule(report: Report, field: string, rule: PolicyRule, isNamespaced: boolean): void {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (!rule.verbs?.length) report.required(`${field}.verbs`, 'verbs must contain at least one value');
  if (nonResourceURLs.length > 0) {
    if (isNamespaced) report.invalid(`${field}.nonResourceURLs`, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      report.invalid(`${field}.nonResourceURLs`, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs');
    }
    return;
  }
  if (apiGroups.length === 0) report.required(`${field}.apiGroups`, 'resource rules must supply at least one api group');
  if (resources.length === 0) report.required(`${field}.resources`, 'resource rules must supply at least one resource');
}
