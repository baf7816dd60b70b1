// Each score by itself: what it makes of three nodes, before its weight.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../api/types.ts';
import { labelSelectorOf } from '../../api/selectors.ts';
import { ClusterView } from '../cluster-view.ts';
import { needsOf } from '../pod-needs.ts';
import { sampleNode, samplePod } from '../samples.ts';
import { scores } from './index.ts';

type NodeMore = NonNullable<Parameters<typeof sampleNode>[1]> & { readonly images?: Readonly<Record<string, number>> };
type PodMore = NonNullable<Parameters<typeof samplePod>[1]>;

function rated(name: string, nodes: Readonly<Record<string, NodeMore>>, placed: Readonly<Record<string, PodMore>>, pod: PodMore, group?: object): number[] {
  const cluster = new ClusterView();
  cluster.groupOf = () => (group ? labelSelectorOf(group as never) : undefined);
  for (const [node, { images = {}, ...more }] of Object.entries(nodes)) {
    const made = sampleNode(node, more);
    cluster.setNode({ ...made, status: { ...made.status, images: Object.entries(images).map(([image, sizeBytes]) => ({ names: [image], sizeBytes })) } } as Node);
  }
  for (const [place, more] of Object.entries(placed)) {
    const [node = '', podName = ''] = place.split('/');
    const made = samplePod(podName, more);
    cluster.confirm({ ...made, spec: { ...made.spec, nodeName: node } });
  }
  const score = scores.find((one) => one.name === name)!;
  const totals = new Float64Array(cluster.nodes.length);
  score.rate(needsOf(samplePod('x', pod)), cluster, cluster.nodes, totals);
  return [...totals].map((total) => total / score.weight);
}

const three = { a: {}, b: {}, c: {} };
const web = { labels: { app: 'web' } };
const zoned = { a: { labels: { zone: '1' } }, b: { labels: { zone: '1' } }, c: { labels: { zone: '2' } } };
const soft = (effect: string) => ({ spec: { taints: [{ key: effect, effect }] } });
const preferred = (kind: 'podAffinity' | 'podAntiAffinity', weight: number, app: string) =>
  ({ affinity: { [kind]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchLabels: { app } } } }] } } }) as never;
const spread = (...wishes: object[]) => ({ ...web, spec: { topologySpreadConstraints: wishes.map((one) => ({ maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: { app: 'web' } }, ...one })) } as never });
const mega = 1024 * 1024;

const cases: readonly (readonly [what: string, wanted: readonly number[], actual: () => number[]])[] = [
  // 4 cores and 8Gi each: the emptier the better, and a Pod that asks for nothing counts as 100m and 200Mi.
  ['NodeResourcesFit', [62, 87, 87], () => rated('NodeResourcesFit', three, { 'a/p': { requests: { cpu: '1', memory: '2Gi' } } }, { requests: { cpu: '500m', memory: '1Gi' } })],
  ['NodeResourcesBalancedAllocation', [75, 100, 100], () => rated('NodeResourcesBalancedAllocation', three, { 'a/p': { requests: { cpu: '2' } } }, { requests: { cpu: '500m', memory: '1Gi' } })],
  ['NodeResourcesBalancedAllocation, nothing asked', [0, 0, 0], () => rated('NodeResourcesBalancedAllocation', three, { 'a/p': { requests: { cpu: '2' } } }, {})],
  ['TaintToleration', [100, 0, 100], () => rated('TaintToleration', { a: {}, b: soft('PreferNoSchedule'), c: soft('NoSchedule') }, {}, {})],
  ['NodeAffinity', [100, 33, 0], () => rated('NodeAffinity', { a: { labels: { disk: 'ssd', zone: '1' } }, b: { labels: { zone: '1' } }, c: {} }, {}, {
    spec: { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [
      { weight: 2, preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] } },
      { weight: 1, preference: { matchExpressions: [{ key: 'zone', operator: 'Exists' }] } },
    ] } } } as never,
  })],
  ['ImageLocality: on all of the nodes', [100, 0, 0], () => rated('ImageLocality', { a: { images: { 'busybox:latest': 3100 * mega } }, b: {}, c: {} }, {}, {})],
  ['ImageLocality: a little', [28, 28, 28], () => rated('ImageLocality', { a: { images: { 'busybox:latest': 300 * mega } }, b: { images: { 'busybox:latest': 300 * mega } }, c: { images: { 'busybox:latest': 300 * mega } } }, {}, {})],
  ['InterPodAffinity: likes', [100, 100, 0], () => rated('InterPodAffinity', zoned, { 'a/p': web }, { spec: preferred('podAffinity', 5, 'web') })],
  ['InterPodAffinity: dislikes', [0, 0, 100], () => rated('InterPodAffinity', zoned, { 'a/p': web }, { spec: preferred('podAntiAffinity', 5, 'web') })],
  ['InterPodAffinity: is liked by those who are there', [100, 100, 0], () => rated('InterPodAffinity', zoned, { 'a/p': { spec: preferred('podAffinity', 5, 'web') } }, web)],
  ['InterPodAffinity: is disliked by those who are there', [0, 0, 100], () => rated('InterPodAffinity', zoned, { 'a/p': { spec: preferred('podAntiAffinity', 5, 'web') } }, web)],
  ['InterPodAffinity: those who must be near it', [100, 100, 0], () => rated('InterPodAffinity', zoned, {
    'a/p': { spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: { matchLabels: { app: 'web' } } }] } } } as never },
  }, web)],
  ['PodTopologySpread: zones', [0, 0, 100], () => rated('PodTopologySpread', zoned, { 'a/p': web, 'b/q': web }, spread({ topologyKey: 'zone' }))],
  ['PodTopologySpread: nodes', [0, 100, 100], () => rated('PodTopologySpread', zoned, { 'a/p': web }, spread({ topologyKey: 'kubernetes.io/hostname' }))],
  ['PodTopologySpread: a node without the label is ignored', [0, 100, 0], () => rated('PodTopologySpread', { a: { labels: { zone: '1' } }, b: { labels: { zone: '2' } }, c: {} }, { 'a/p': web }, spread({ topologyKey: 'zone' }))],
  ['PodTopologySpread: a Service\'s Pods, though they say nothing', [50, 100, 100], () => rated('PodTopologySpread', three, { 'a/p': web }, web, { app: 'web' })],
  ['PodTopologySpread: alone', [0, 0, 0], () => rated('PodTopologySpread', three, { 'a/p': web }, web)],
];

for (const [what, wanted, actual] of cases) test(what, () => assert.deepEqual(actual(), wanted));
