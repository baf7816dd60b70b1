// Why a Pod was evicted, in the kubelet's words. Pure.
import { formatQuantity, quantity } from '../../api/quantity.ts';
import { unitsOf, type Threshold } from './policy.ts';
import type { Candidate } from './rank.ts';
import { amountText, resourceOf, type PressureCondition, type Reading } from './signals.ts';

export function evictionMessage(threshold: Threshold, reading: Reading | undefined, { pod, use }: Candidate): string {
  const resource = resourceOf(threshold.signal);
  let message = `The node was low on resource: ${resource}. `;
  if (reading) message += `Threshold quantity: ${amountText(unitsOf(threshold.value, reading), resource)}, available: ${amountText(reading.available, resource)}. `;
  // Of inodes and processes nobody can reserve any.
  if (resource === 'inodes' || resource === 'pids') return message;
  for (const { name, resources } of pod.spec.containers) {
    const used = use?.containers.get(name);
    const requested = quantity(resources?.requests?.[resource] ?? '0');
    if (used === undefined || BigInt(Math.round(used)) * 1_000_000_000n <= requested.nano) continue;
    message += `Container ${name} was using ${amountText(used, resource)}, request is ${formatQuantity(requested)}, has larger consumption of ${resource}. `;
  }
  return message;
}

/** For a Pod that comes while the node has them. */
export function conditionMessage(conditions: ReadonlySet<PressureCondition>): string {
  return `The node had condition: [${[...conditions].join(' ')}]. `;
}
