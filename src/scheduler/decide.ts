// The decision for one Pod, pure: which nodes are possible, and which of them is best.
import type { Random } from '../base/random.ts';
import type { ClusterView } from './cluster-view.ts';
import { filters } from './filters/index.ts';
import type { Check, Refusal } from './filters/filter.ts';
import type { NodeView } from './node-view.ts';
import type { PodNeeds } from './pod-needs.ts';
import { scores } from './scores/index.ts';
import { best, type Score } from './scores/score.ts';

export type Decision = { readonly type: 'node'; readonly node: NodeView; readonly looked: number } | { readonly type: 'nowhere'; readonly refused: readonly Refused[] };

export interface Refused {
  readonly node: NodeView;
  readonly by: string;
  readonly refusal: Refusal;
}

/** Looks at nodes from the `from`th on, round the list; gives back how many it looked at, so that the next Pod can go on from there. */
export function decide(needs: PodNeeds, cluster: ClusterView, from: number, random: Random): Decision {
  const checks = prepareChecks(needs, cluster);
  const { nodes } = cluster;
  const enough = enoughNodes(nodes.length);
  const possible: NodeView[] = [];
  const refused: Refused[] = [];
  let looked = 0;
  while (looked < nodes.length && possible.length < enough) {
    const node = nodes[(from + looked++) % nodes.length]!;
    const no = firstRefusal(checks, node);
    if (no) refused.push(no);
    else possible.push(node);
  }
  if (possible.length === 0) return { type: 'nowhere', refused };
  const node = possible.length === 1 ? possible[0]! : chooseBest(possible, needs, cluster, random);
  return { type: 'node', node, looked };
}

export interface NamedCheck {
  readonly by: string;
  readonly check: Check;
}

export function prepareChecks(needs: PodNeeds, cluster: ClusterView): readonly NamedCheck[] {
  const checks: NamedCheck[] = [];
  for (const filter of filters) {
    const check = filter.prepare(needs, cluster);
    if (check) checks.push({ by: filter.name, check });
  }
  return checks;
}

export function firstRefusal(checks: readonly NamedCheck[], node: NodeView): Refused | undefined {
  for (const { by, check } of checks) {
    const refusal = check(node);
    if (refusal) return { node, by, refusal };
  }
  return undefined;
}

/** In large clusters not every node is looked at: at least 100, or the share that Kubernetes takes (50 % falling to 5 %). */
function enoughNodes(all: number): number {
  if (all <= 100) return all;
  const percent = Math.max(5, 50 - Math.floor(all / 125));
  return Math.max(100, Math.floor((all * percent) / 100));
}

/** Of equals, one by chance. */
function chooseBest(possible: readonly NodeView[], needs: PodNeeds, cluster: ClusterView, random: Random): NodeView {
  const totals = new Float64Array(possible.length);
  for (const score of scores) addScore(score, totals, possible, needs, cluster);
  let highest = -Infinity;
  const equals: NodeView[] = [];
  for (const [index, total] of totals.entries()) {
    if (total < highest) continue;
    if (total > highest) equals.length = 0;
    highest = total;
    equals.push(possible[index]!);
  }
  return equals.length === 1 ? equals[0]! : equals[Math.floor(random.next() * equals.length)]!;
}

function addScore({ weight, scale, prepare }: Score, totals: Float64Array, possible: readonly NodeView[], needs: PodNeeds, cluster: ClusterView): void {
  const of = prepare(needs, cluster);
  if (!of) return;
  const raw = possible.map(of);
  if (scale === 'raw') {
    for (let index = 0; index < raw.length; index++) totals[index]! += raw[index]! * weight;
    return;
  }
  const highest = Math.max(...raw);
  const lowest = Math.min(0, ...raw);
  for (let index = 0; index < raw.length; index++) {
    const share = highest === lowest ? 0 : ((raw[index]! - lowest) * best) / (highest - lowest);
    totals[index]! += Math.floor(scale === 'inverse' ? best - share : share) * weight;
  }
}
