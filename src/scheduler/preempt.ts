// Which Pods of lower priority would have to go for a Pod to fit, pure. The node is chosen where least is lost.
import { labelSelectorOf } from '../api/selectors.ts';
import type { PodDisruptionBudget } from '../api/types.ts';
import { parseTime } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ClusterView } from './cluster-view.ts';
import { prepareChecks, refusalOn, type Refused } from './decide.ts';
import type { NodeView } from './node-view.ts';
import type { PodNeeds } from './pod-needs.ts';

export type Preemption =
  /** The most important victim first. */
  | { readonly type: 'room'; readonly node: NodeView; readonly victims: readonly PodNeeds[] }
  /** Nothing is gained by it; `reasons`, node by node, say why. */
  | { readonly type: 'none'; readonly reasons: readonly (readonly string[])[] };

interface Candidate {
  readonly node: NodeView;
  readonly victims: readonly PodNeeds[];
  /** Victims whose disruption budget is broken by it. */
  readonly violations: number;
}

const notHelpful: readonly string[] = ['Preemption is not helpful for scheduling'];
const noVictims: readonly string[] = ['No preemption victims found for incoming pod'];
/** Of the nodes that could be cleared this share, and at least so many, are compared. */
const comparedShare = 0.1;
const leastCompared = 100;

/** The view is changed while nodes are tried, and is as before when this returns. */
export function choosePreemption(needs: PodNeeds, refused: readonly Refused[], cluster: ClusterView, budgets: readonly PodDisruptionBudget[], random: Random): Preemption {
  const hopeful = refused.filter(({ refusal }) => !refusal.isFinal);
  const reasons = refused.filter(({ refusal }) => refusal.isFinal).map(() => notHelpful);
  const enough = Math.max(leastCompared, Math.floor(hopeful.length * comparedShare));
  const from = Math.floor(random.next() * hopeful.length);
  let chosen: Candidate | undefined;
  let found = 0;
  let harmless = 0;
  for (let step = 0; step < hopeful.length && (found < enough || harmless === 0); step++) {
    const { node } = hopeful[(from + step) % hopeful.length]!;
    const candidate = candidateOn(node, needs, cluster, budgets);
    if ('victims' in candidate) {
      found++;
      if (candidate.violations === 0) harmless++;
      if (!chosen || isLess(cost(candidate), cost(chosen))) chosen = candidate;
    } else reasons.push(candidate.reasons);
  }
  return chosen ? { type: 'room', node: chosen.node, victims: chosen.victims } : { type: 'none', reasons };
}

/**
 * First all Pods of lower priority are taken away; if the Pod fits then, they are put back one by one as long as it still
 * fits: those whose budget would be broken before the others, and the more important first.
 */
function candidateOn(node: NodeView, needs: PodNeeds, cluster: ClusterView, budgets: readonly PodDisruptionBudget[]): Candidate | { readonly reasons: readonly string[] } {
  if (!node.hasLesser(needs.priority)) return { reasons: noVictims };
  const lesser = [...node.pods.values()].filter(({ priority }) => priority < needs.priority).sort(byImportance);
  const refusal = () => refusalOn(node, needs, cluster, prepareChecks(needs, cluster));
  const placements = new Map(lesser.map((pod) => [pod.uid, cluster.lift(pod.uid)!]));
  try {
    const no = refusal();
    if (no) return { reasons: no.refusal.reasons };
    const victims: PodNeeds[] = [];
    const spare = (pod: PodNeeds) => {
      cluster.putBack(placements.get(pod.uid)!);
      if (!refusal()) return;
      cluster.lift(pod.uid);
      victims.push(pod);
    };
    const { breaking, harmless } = byBudget(lesser, budgets);
    breaking.forEach(spare);
    const violations = victims.length;
    harmless.forEach(spare);
    return victims.length > 0 ? { node, victims: victims.sort(byImportance), violations } : { reasons: noVictims };
  } finally {
    for (const placement of placements.values()) cluster.putBack(placement);
  }
}

/** Those whose end would take more of a budget than it allows, when all before them had ended too. */
function byBudget(pods: readonly PodNeeds[], budgets: readonly PodDisruptionBudget[]): { readonly breaking: readonly PodNeeds[]; readonly harmless: readonly PodNeeds[] } {
  if (budgets.length === 0) return { breaking: [], harmless: pods };
  const left = budgets.map((budget) => ({ budget, selector: labelSelectorOf(budget.spec.selector), allowed: budget.status.disruptionsAllowed ?? 0 }));
  const breaking: PodNeeds[] = [];
  const harmless: PodNeeds[] = [];
  for (const one of pods) {
    const { namespace, name, labels } = one.pod.metadata;
    let breaks = false;
    for (const entry of left) {
      const { budget, selector } = entry;
      if (budget.metadata.namespace !== namespace || !selector.matches(labels)) continue;
      // Its end has been granted and counted already.
      if (name in (budget.status.disruptedPods ?? {})) continue;
      if (--entry.allowed < 0) breaks = true;
    }
    (breaks ? breaking : harmless).push(one);
  }
  return { breaking, harmless };
}

/** Compared in order: broken budgets, the highest priority lost, the sum of priorities, the number of Pods, and how long the most important have run. */
function cost({ victims, violations }: Candidate): readonly number[] {
  const highest = victims[0]!.priority;
  const sum = victims.reduce((total, { priority }) => total + priority + 2 ** 31, 0);
  const earliest = Math.min(...victims.filter(({ priority }) => priority === highest).map(startMs));
  return [violations, highest, sum, victims.length, -earliest];
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((value, at) => value !== b[at]);
  return index >= 0 && a[index]! < b[index]!;
}

/** Higher priority, then who has run for longer. */
function byImportance(a: PodNeeds, b: PodNeeds): number {
  return b.priority - a.priority || (startMs(a) < startMs(b) ? -1 : startMs(a) > startMs(b) ? 1 : 0);
}

/** What has not started yet counts as the youngest. */
function startMs({ pod }: PodNeeds): number {
  return pod.status.startTime ? parseTime(pod.status.startTime) : Number.MAX_SAFE_INTEGER;
}
