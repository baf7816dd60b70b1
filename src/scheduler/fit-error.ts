// Why a Pod fits nowhere, in Kubernetes' words: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were …`.
import type { Refused } from './decide.ts';

/** `more` is what came of pre-emption; '' when others are made to go. */
export function fitMessage(refused: readonly Refused[], more: string): string {
  if (refused.length === 0) return 'no nodes available to schedule pods';
  const ofPod = refused.find(({ refusal }) => refusal.isOfPod);
  const reasons = ofPod ? ofPod.refusal.reasons.join(', ') : counted(refused.map(({ refusal }) => refusal.reasons));
  return `0/${refused.length} nodes are available: ${reasons}. ${more}`.trimEnd();
}

/** What is said when pre-emption found nothing; `reasons` node by node. The claims are those of devices, of which there are none. */
export function preemptionMessage(reasons: readonly (readonly string[])[]): string {
  return notPreempting(`0/${reasons.length} nodes are available: ${counted(reasons)}.`);
}

export function notPreempting(why: string): string {
  return `no new claims to deallocate, preemption: ${why}`;
}

function counted(reasons: readonly (readonly string[])[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons.flat()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} ${reason}`).sort().join(', ');
}
