// The same PodDisruptionBudgets as policy/v1beta1 shows them, for clients of before Kubernetes 1.21. The fields are the same.
import type { Kind } from '../kind.ts';
import { podDisruptionBudgets } from './pod-disruption-budget.ts';

export const podDisruptionBudgetsV1beta1 = {
  ...podDisruptionBudgets,
  version: 'v1beta1',
  storedAs: { resource: podDisruptionBudgets, fields: {} },
} as unknown as Kind;
