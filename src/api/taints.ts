// Taints keep Pods off a node; tolerations let them come all the same.
import type { Taint, Toleration } from './types.ts';

export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some(
    ({ effect, key, operator, value }) =>
      (!effect || effect === taint.effect) && (!key || key === taint.key) && (operator === 'Exists' || ((!operator || operator === 'Equal') && (value ?? '') === (taint.value ?? ''))),
  );
}
