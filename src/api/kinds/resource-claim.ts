// ResourceClaim and its template: devices that a Pod asks for. Data only: no driver allocates any here, and Pods with claims wait.
import type { ResourceClaim, ResourceClaimTemplate } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { ownStatus } from './own-status.ts';
import { Report } from './validation/report.ts';

const group = 'resource.k8s.io';

export const resourceClaims = defineKind<ResourceClaim>({
  kind: 'ResourceClaim',
  group,
  ...ownStatus,
  defaults(draft) {
    draft.spec ??= {};
    draft.status ??= {};
  },
  validateUpdate({ spec }, before) {
    const report = new Report();
    report.immutable('spec', spec, before.spec);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('State', 'Whether devices have been allocated, and for whom.', ({ metadata, status }) => {
      const states = [metadata.deletionTimestamp ? 'deleted' : '', status?.allocation ? 'allocated' : 'pending', status?.reservedFor?.length ? 'reserved' : ''];
      return states.filter(Boolean).join(',');
    }),
    ageColumn,
  ],
});

export const resourceClaimTemplates = defineKind<ResourceClaimTemplate>({
  kind: 'ResourceClaimTemplate',
  group,
  validateUpdate({ spec }, before) {
    const report = new Report();
    report.immutable('spec', spec, before.spec);
    return report.causes;
  },
});
