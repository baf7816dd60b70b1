// The Lease: who holds something, and for how long unless renewed. Nodes show by theirs that they live.
import type { Lease } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { present, Report } from './validation/report.ts';

export const leases = defineKind<Lease>({
  kind: 'Lease',
  group: 'coordination.k8s.io',
  allowUnconditionalUpdate: false,
  allowCreateOnUpdate: true,
  defaults(draft) {
    draft.spec ??= {};
  },
  validate({ spec }) {
    const report = new Report();
    const { leaseDurationSeconds, leaseTransitions } = spec;
    if (present(leaseDurationSeconds) && leaseDurationSeconds <= 0) {
      report.invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0');
    }
    if (present(leaseTransitions) && leaseTransitions < 0) {
      report.invalid('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0');
    }
    return report.causes;
  },
  columns: [nameColumn, text('Holder', 'Who holds it.', ({ spec }) => spec.holderIdentity ?? ''), ageColumn],
});
