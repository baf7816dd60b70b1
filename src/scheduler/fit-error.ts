// Why a Pod fits nowhere, in Kubernetes' words: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were …`.
import type { Refused } from './decide.ts';

export function fitMessage(refused: readonly Refused[], preemption: string): string {
  if (refused.length === 0) return 'no nodes available to schedule pods';
  return `0/${refused.length} nodes are available: ${counted(refused.flatMap(({ refusal }) => refusal.reasons))}. ${preemption}`.trimEnd();
}

/** What is said when pre-emption found nothing: which nodes it could not help, and which had none to give way. */
export function preemptionMessage(refused: readonly Refused[]): string {
  const reasons = refused.map(({ refusal }) => (refusal.isFinal ? 'Preemption is not helpful for scheduling' : 'No preemption victims found for incoming pod'));
  return `preemption: 0/${refused.length} nodes are available: ${counted(reasons)}.`;
}

function counted(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} ${reason}`).sort().join(', ');
}
