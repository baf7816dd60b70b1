// The ServiceCIDR: ranges for the addresses of Services. Data only: the ranges in use are those that the cluster was started with.
import type { ServiceCIDR } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { ownStatus } from './own-status.ts';
import { Report } from './validation/report.ts';
import { checkCidr } from './validation/rules.ts';

export const serviceCidrs = defineKind<ServiceCIDR>({
  kind: 'ServiceCIDR',
  group: 'networking.k8s.io',
  namespaced: false,
  ...ownStatus,
  defaults(draft) {
    draft.spec ??= {};
    draft.status ??= {};
  },
  validate({ spec: { cidrs = [] } }) {
    const report = new Report();
    if (cidrs.length === 0) report.required('spec.cidrs', 'at least one CIDR required');
    if (cidrs.length > 2) report.invalid('spec', { cidrs }, 'may only hold up to 2 values');
    cidrs.forEach((cidr, index) => checkCidr(report, `spec.cidrs[${index}]`, cidr));
    return report.causes;
  },
  validateUpdate({ spec }, before) {
    const report = new Report();
    report.immutable('spec.cidrs', spec.cidrs, before.spec.cidrs);
    return report.causes;
  },
  columns: [nameColumn, text('CIDRs', 'The ranges.', ({ spec }) => spec.cidrs?.join(',') ?? ''), ageColumn],
});
