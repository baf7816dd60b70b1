// The decision for one Pod, pure: which nodes are possible, and which of them is best.
import type { Random } from '../base/random.ts';
import type { ClusterView } from './cluster-view.ts';
import { filters } from './filters/index.ts';
import type { Check, Refusal } from './filters/filter.ts';
import { nodeAffinity, notNamed } from './filters/node-affinity.ts';
import type { NodeView } from './node-view.ts';
import { nextSample, sampleOf, shapeOf, type Sample } from './node-sample.ts';
import type { PodNeeds } from './pod-needs.ts';
import { scores } from './scores/index.ts';

export type Decision =
  /** `sample`: for the next decision. */
  | { readonly type: 'node'; readonly node: NodeView; readonly looked: number; readonly sample?: Sample }
  | { readonly type: 'nowhere'; readonly refused: readonly Refused[] };

export interface Refused {
  readonly node: NodeView;
  readonly by: string;
  readonly refusal: Refusal;
}

/**
 * Looks at nodes from the `from`th on, round the list; gives back how many it looked at, so that the next Pod can go on from there.
 * `last` is the sample of the decision before, if it had one.
 */
export function decide(needs: PodNeeds, cluster: ClusterView, from: number, random: Random, last?: Sample): Decision {
  const checks = prepareChecks(needs, cluster);
  const cleared = clearedFor(needs, cluster, checks);
  if (cleared) return { type: 'node', node: cleared, looked: 0 };
  if (needs.namedNodes) return decideNamed(needs, needs.namedNodes, cluster, checks, random);
  const { nodes } = cluster;
  const enough = enoughNodes(nodes.length);
  const isSampled = enough < nodes.length && checks.every(({ isLocal }) => isLocal) && !nominatedNodeOf(needs, cluster);
  const shape = isSampled ? shapeOf(needs) : '';
  const sample = isSampled && last && nextSample(last, shape, nodes, (node) => !refusalOn(node, needs, cluster, checks));
  if (sample) return { type: 'node', node: chooseBest(sample.nodes, needs, cluster, random), looked: 0, sample };
  const possible: NodeView[] = [];
  const refused: Refused[] = [];
  let looked = 0;
  while (looked < nodes.length && possible.length < enough) {
    const node = nodes[(from + looked++) % nodes.length]!;
    const no = refusalOn(node, needs, cluster, checks);
    if (no) refused.push(no);
    else possible.push(node);
  }
  if (possible.length === 0) return { type: 'nowhere', refused };
  return { type: 'node', node: chooseBest(possible, needs, cluster, random), looked, ...(isSampled ? { sample: sampleOf(shape, nodes, possible) } : {}) };
}

function nominatedNodeOf({ uid, pod }: PodNeeds, cluster: ClusterView): string | undefined {
  return cluster.nominatedNode(uid) ?? pod.status.nominatedNodeName;
}

/** The node that others were made to leave for this Pod: if it fits there now no other is looked at. */
function clearedFor(needs: PodNeeds, cluster: ClusterView, checks: readonly NamedCheck[]): NodeView | undefined {
  const name = nominatedNodeOf(needs, cluster);
  const node = name ? cluster.node(name) : undefined;
  return node?.node && !refusalOn(node, needs, cluster, checks) ? node : undefined;
}

/** Nodes that the Pod does not name need no look. */
function decideNamed(needs: PodNeeds, named: ReadonlySet<string>, cluster: ClusterView, checks: readonly NamedCheck[], random: Random): Decision {
  const possible: NodeView[] = [];
  const refusals = new Map<NodeView, Refused>();
  for (const name of named) {
    const node = cluster.node(name);
    if (!node?.node) continue;
    const no = refusalOn(node, needs, cluster, checks);
    if (no) refusals.set(node, no);
    else possible.push(node);
  }
  if (possible.length > 0) return { type: 'node', node: chooseBest(possible, needs, cluster, random), looked: 0 };
  return { type: 'nowhere', refused: cluster.nodes.map((node) => refusals.get(node) ?? { node, by: nodeAffinity.name, refusal: notNamed }) };
}

export interface NamedCheck {
  readonly by: string;
  readonly isLocal: boolean;
  readonly check: Check;
}

export function prepareChecks(needs: PodNeeds, cluster: ClusterView): readonly NamedCheck[] {
  const checks: NamedCheck[] = [];
  for (const filter of filters) {
    const check = filter.prepare(needs, cluster);
    if (check) checks.push({ by: filter.name, isLocal: filter.isLocal === true, check });
  }
  return checks;
}

/**
 * Why the node will not do. Pods that wait for it to be cleared and are as important are taken to be there; and as they may
 * never come, the Pod must fit without them too (it may want to be near them).
 */
export function refusalOn(node: NodeView, needs: PodNeeds, cluster: ClusterView, checks: readonly NamedCheck[]): Refused | undefined {
  const waiting = cluster.nominatedTo(node.name);
  const first = waiting.length === 0 ? waiting : waiting.filter((other) => other.priority >= needs.priority && other.uid !== needs.uid);
  const no = first.length > 0 ? cluster.asIfPlaced(first, node.name, () => firstRefusal(prepareChecks(needs, cluster), node)) : undefined;
  return no ?? firstRefusal(checks, node);
}

function firstRefusal(checks: readonly NamedCheck[], node: NodeView): Refused | undefined {
  for (const { by, check } of checks) {
    const refusal = check(node);
    if (refusal) return { node, by, refusal };
  }
  return undefined;
}

/** In large clusters not every node is looked at: at least 100, or the share that Kubernetes takes (50 % falling to 5 %). */
export function enoughNodes(all: number): number {
  if (all <= 100) return all;
  const percent = Math.max(5, 50 - Math.floor(all / 125));
  return Math.max(100, Math.floor((all * percent) / 100));
}

/** Of equals, one by chance. */
function chooseBest(possible: readonly NodeView[], needs: PodNeeds, cluster: ClusterView, random: Random): NodeView {
  if (possible.length === 1) return possible[0]!;
  const totals = new Float64Array(possible.length);
  for (const score of scores) score.rate(needs, cluster, possible, totals);
  let highest = -Infinity;
  const equals: NodeView[] = [];
  for (let index = 0; index < totals.length; index++) {
    const total = totals[index]!;
    if (total < highest) continue;
    if (total > highest) equals.length = 0;
    highest = total;
    equals.push(possible[index]!);
  }
  return equals.length === 1 ? equals[0]! : equals[Math.floor(random.next() * equals.length)]!;
}
