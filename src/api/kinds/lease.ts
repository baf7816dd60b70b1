import type { Lease } from '../types.ts';
import { defineKind } from './define-kind.ts';

export const leases = defineKind<Lease>({
  kind: 'Lease',
  group: 'coordination.k8s.io',
  allowUnconditionalUpdate: false,
  allowCreateOnUpdate: true,
});
