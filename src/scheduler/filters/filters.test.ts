// Each filter by itself: a node, what is on it and beside it, a Pod, and what is said of the node.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/types.ts';
import { ClusterView } from '../cluster-view.ts';
import { needsOf } from '../pod-needs.ts';
import { sampleNode, samplePod } from '../samples.ts';
import type { ChangeDetail, ClusterChange } from './filter.ts';
import { filters } from './index.ts';

type NodeMore = Parameters<typeof sampleNode>[1];
type PodMore = NonNullable<Parameters<typeof samplePod>[1]>;

interface World {
  readonly nodes: Readonly<Record<string, NodeMore>>;
  /** `node/pod` → the Pod. */
  readonly placed?: Readonly<Record<string, PodMore & { readonly namespace?: string; readonly ending?: boolean }>>;
}

function clusterOf({ nodes, placed = {} }: World): ClusterView {
  const cluster = new ClusterView((name) => ({ team: name }));
  for (const [name, more] of Object.entries(nodes)) cluster.setNode(sampleNode(name, more));
  for (const [place, more] of Object.entries(placed)) {
    const [node = '', name = ''] = place.split('/');
    cluster.confirm(placedOn(node, name, more));
  }
  return cluster;
}

function placedOn(node: string, name: string, { namespace = 'default', ending, ...more }: PodMore & { namespace?: string; ending?: boolean }): Pod {
  const pod = samplePod(name, more);
  return { ...pod, metadata: { ...pod.metadata, namespace, ...(ending ? { deletionTimestamp: 'now' } : {}) }, spec: { ...pod.spec, nodeName: node } };
}

/** What one filter says of each node; '' when it will do, and `!` before what no Pod's leaving could change. */
function said(name: string, world: World, pod: PodMore): string {
  const cluster = clusterOf(world);
  const check = filters.find((filter) => filter.name === name)!.prepare(needsOf(samplePod('x', pod)), cluster);
  return cluster.nodes.map((node) => {
    const refusal = check?.(node);
    return `${node.name}:${refusal ? (refusal.isFinal ? '!' : '') + refusal.reasons.join('+') : ''}`;
  }).join(' ');
}

const taint = (key: string, effect: string, value?: string) => ({ spec: { taints: [{ key, effect, ...(value ? { value } : {}) }] } });
const zone = (value: string, more: Record<string, string> = {}) => ({ labels: { zone: value, ...more } });
const affine = (kind: 'podAffinity' | 'podAntiAffinity', ...terms: object[]) => ({ affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: terms } } }) as never;
const term = (app: string, more: object = {}) => ({ topologyKey: 'zone', labelSelector: { matchLabels: { app } }, ...more });
const expression = (key: string, operator: string, ...values: string[]) => ({ matchExpressions: [{ key, operator, values }] });
const nodeTerms = (...nodeSelectorTerms: object[]) => ({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } }) as never;
const spread = (more: object = {}, ...others: object[]) => ({
  labels: { app: 'web' },
  spec: { topologySpreadConstraints: [more, ...others].map((one) => ({ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'web' } }, ...one })) } as never,
});
const container = (requests: Record<string, string>, restartPolicy?: string) => ({ name: 'c', image: 'x', resources: { requests }, ...(restartPolicy ? { restartPolicy } : {}) });
const hostPort = (port: number, hostIP?: string, protocol = 'TCP') => ({ spec: { containers: [{ name: 'c', image: 'x', ports: [{ containerPort: 80, hostPort: port, hostIP, protocol }] }] } as never });
const web = { labels: { app: 'web' } };

const unevenWords = "node(s) didn't match pod topology spread constraints";
const missingWords = `!${unevenWords} (missing required label)`;
const affinityWords = "!node(s) didn't match pod affinity rules";
const antiWords = "node(s) didn't match pod anti-affinity rules";
const existingWords = "node(s) didn't satisfy existing pods anti-affinity rules";
const portWords = "node(s) didn't have free ports for the requested pod ports";
const selectorWords = "!node(s) didn't match Pod's node affinity/selector";

const table: Record<string, readonly (readonly [what: string, world: World, pod: PodMore, said: string])[]> = {
  NodeUnschedulable: [
    ['cordoned', { nodes: { a: { spec: { unschedulable: true } }, b: {} } }, {}, 'a:!node(s) were unschedulable b:'],
    ['tolerated', { nodes: { a: { spec: { unschedulable: true } } } }, { spec: { tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }] } as never }, 'a:'],
  ],
  TaintToleration: [
    ['by effect', { nodes: { a: taint('k', 'NoSchedule'), b: taint('k', 'NoExecute'), c: taint('k', 'PreferNoSchedule') } }, {}, 'a:!node(s) had untolerated taint(s) b:!node(s) had untolerated taint(s) c:'],
    ['by value', { nodes: { a: taint('k', 'NoSchedule', 'v'), b: taint('k', 'NoSchedule', 'w') } }, { spec: { tolerations: [{ key: 'k', value: 'v' }] } as never }, 'a: b:!node(s) had untolerated taint(s)'],
    ['all of them', { nodes: { a: taint('k', 'NoSchedule') } }, { spec: { tolerations: [{ operator: 'Exists' }] } as never }, 'a:'],
  ],
  NodeAffinity: [
    ['selector', { nodes: { a: zone('1'), b: zone('2') } }, { spec: { nodeSelector: { zone: '1' } } as never }, `a: b:${selectorWords}`],
    ['any of the terms', { nodes: { a: zone('1'), b: zone('2'), c: zone('3') } }, { spec: nodeTerms(expression('zone', 'In', '1'), expression('zone', 'In', '2')) }, `a: b: c:${selectorWords}`],
    ['all of a term', { nodes: { a: zone('1', { disk: 'ssd' }), b: zone('1') } }, { spec: nodeTerms({ matchExpressions: [...expression('zone', 'Exists').matchExpressions, ...expression('disk', 'In', 'ssd').matchExpressions] }) }, `a: b:${selectorWords}`],
    ['numbers', { nodes: { a: zone('8'), b: zone('x') } }, { spec: nodeTerms(expression('zone', 'Gt', '4')) }, `a: b:${selectorWords}`],
    ['not in, also without the label', { nodes: { a: zone('1'), b: {} } }, { spec: nodeTerms(expression('zone', 'NotIn', '1')) }, `a:${selectorWords} b:`],
    ['an empty term', { nodes: { a: {} } }, { spec: nodeTerms({}) }, `a:${selectorWords}`],
  ],
  NodePorts: [
    ['taken', { nodes: { a: {}, b: {} }, placed: { 'a/p': hostPort(80) } }, hostPort(80), `a:${portWords} b:`],
    ['other protocol, other port', { nodes: { a: {} }, placed: { 'a/p': hostPort(80), 'a/q': hostPort(81) } }, hostPort(80, undefined, 'UDP'), 'a:'],
    ['other address', { nodes: { a: {} }, placed: { 'a/p': hostPort(80, '10.0.0.1') } }, hostPort(80, '10.0.0.2'), 'a:'],
    ['any address meets each', { nodes: { a: {} }, placed: { 'a/p': hostPort(80, '10.0.0.1') } }, hostPort(80), `a:${portWords}`],
  ],
  NodeResourcesFit: [
    ['several reasons', { nodes: { a: { allocatable: { cpu: '1', memory: '1Gi', pods: '1' } } }, placed: { 'a/p': { requests: { cpu: '800m', memory: '900Mi' } } } }, { requests: { cpu: '500m', memory: '500Mi' } }, 'a:Too many pods+Insufficient cpu+Insufficient memory'],
    ['more than the node has', { nodes: { a: {} } }, { requests: { cpu: '64' } }, 'a:!Insufficient cpu'],
    ['to the last thousandth', { nodes: { a: { allocatable: { cpu: '1' } } }, placed: { 'a/p': { requests: { cpu: '500m' } } } }, { requests: { cpu: '500m' } }, 'a:'],
    ['a resource nobody has', { nodes: { a: {}, b: { allocatable: { 'example.com/gpu': '1' } } } }, { requests: { 'example.com/gpu': '1' } }, 'a:!Insufficient example.com/gpu b:'],
    ['disk', { nodes: { a: { allocatable: { 'ephemeral-storage': '1Gi' } } }, placed: { 'a/p': { requests: { 'ephemeral-storage': '800Mi' } } } }, { requests: { 'ephemeral-storage': '500Mi' } }, 'a:Insufficient ephemeral-storage'],
    ['overhead', { nodes: { a: { allocatable: { cpu: '1' } } } }, { requests: { cpu: '1' }, spec: { overhead: { cpu: '1m' } } as never }, 'a:!Insufficient cpu'],
    ['of the Pod itself', { nodes: { a: { allocatable: { cpu: '1' } } } }, { requests: { cpu: '500m' }, spec: { resources: { requests: { cpu: '2' } } } as never }, 'a:!Insufficient cpu'],
    ['the largest init container beside the sidecar', { nodes: { a: { allocatable: { cpu: '1' } } } }, { spec: { containers: [container({ cpu: '100m' })], initContainers: [container({ cpu: '200m' }, 'Always'), container({ cpu: '900m' })] } as never }, 'a:!Insufficient cpu'],
    ['the sidecar runs on', { nodes: { a: { allocatable: { cpu: '1' } } } }, { spec: { containers: [container({ cpu: '900m' })], initContainers: [container({ cpu: '200m' }, 'Always')] } as never }, 'a:!Insufficient cpu'],
    ['an init container is done before', { nodes: { a: { allocatable: { cpu: '1' } } } }, { spec: { containers: [container({ cpu: '900m' })], initContainers: [container({ cpu: '200m' })] } as never }, 'a:'],
  ],
  InterPodAffinity: [
    ['near', { nodes: { a: zone('1'), b: zone('1'), c: zone('2'), d: {} }, placed: { 'a/p': web } }, { spec: affine('podAffinity', term('web')) }, `a: b: c:${affinityWords} d:${affinityWords}`],
    ['the first of a group', { nodes: { a: zone('1'), b: {} } }, { ...web, spec: affine('podAffinity', term('web')) }, `a: b:${affinityWords}`],
    ['near one that is meant by all terms', { nodes: { a: zone('1'), b: zone('2') }, placed: { 'a/p': web, 'b/q': { labels: { app: 'web', tier: 'front' } } } }, { spec: affine('podAffinity', term('web'), { topologyKey: 'zone', labelSelector: { matchLabels: { tier: 'front' } } }) }, `a:${affinityWords} b:`],
    ['only in its own namespace', { nodes: { a: zone('1') }, placed: { 'a/p': { ...web, namespace: 'other' } } }, { spec: affine('podAffinity', term('web')) }, `a:${affinityWords}`],
    ['in a namespace that is named', { nodes: { a: zone('1') }, placed: { 'a/p': { ...web, namespace: 'other' } } }, { spec: affine('podAffinity', term('web', { namespaces: ['other'] })) }, 'a:'],
    ['in namespaces by their labels', { nodes: { a: zone('1'), b: zone('2') }, placed: { 'a/p': { ...web, namespace: 'other' }, 'b/q': { ...web, namespace: 'third' } } }, { spec: affine('podAffinity', term('web', { namespaceSelector: { matchLabels: { team: 'other' } } })) }, `a: b:${affinityWords}`],
    ['in all namespaces', { nodes: { a: zone('1') }, placed: { 'a/p': { ...web, namespace: 'other' } } }, { spec: affine('podAffinity', term('web', { namespaceSelector: {} })) }, 'a:'],
    ['away', { nodes: { a: zone('1'), b: zone('2'), c: {} }, placed: { 'a/p': web } }, { spec: affine('podAntiAffinity', term('web')) }, `a:${antiWords} b: c:`],
    ['matchLabelKeys', { nodes: { a: zone('1'), b: zone('2') }, placed: { 'a/p': { labels: { app: 'web', hash: '1' } }, 'b/q': { labels: { app: 'web', hash: '2' } } } }, { labels: { app: 'web', hash: '2' }, spec: affine('podAntiAffinity', term('web', { matchLabelKeys: ['hash'] })) }, `a: b:${antiWords}`],
    ['mismatchLabelKeys', { nodes: { a: zone('1'), b: zone('2') }, placed: { 'a/p': { labels: { app: 'web', hash: '1' } }, 'b/q': { labels: { app: 'web', hash: '2' } } } }, { labels: { app: 'web', hash: '2' }, spec: affine('podAntiAffinity', term('web', { mismatchLabelKeys: ['hash'] })) }, `a:${antiWords} b:`],
    ['those who are there keep it away', { nodes: { a: zone('1'), b: zone('1'), c: zone('2') }, placed: { 'a/p': { spec: affine('podAntiAffinity', term('web')) } } }, web, `a:${existingWords} b:${existingWords} c:`],
    ['those who are there mean others', { nodes: { a: zone('1') }, placed: { 'a/p': { spec: affine('podAntiAffinity', term('db')) } } }, web, 'a:'],
  ],
  PodTopologySpread: [
    ['the emptiest place', { nodes: { a: zone('1'), b: zone('2'), c: {} }, placed: { 'a/p': web } }, spread(), `a:${unevenWords} b: c:${missingWords}`],
    ['more skew', { nodes: { a: zone('1'), b: zone('2') }, placed: { 'a/p': web } }, spread({ maxSkew: 2 }), 'a: b:'],
    ['ending Pods do not count', { nodes: { a: zone('1'), b: zone('2') }, placed: { 'a/p': { ...web, ending: true } } }, spread(), 'a: b:'],
    ['other namespaces do not count', { nodes: { a: zone('1'), b: zone('2') }, placed: { 'a/p': { ...web, namespace: 'other' } } }, spread(), 'a: b:'],
    ['minDomains', { nodes: { a: zone('1'), b: zone('2') }, placed: { 'a/p': web, 'b/q': web } }, spread({ minDomains: 3 }), `a:${unevenWords} b:${unevenWords}`],
    ['places the Pod may not go to do not count', { nodes: { a: zone('1'), b: zone('2', { no: '' }) }, placed: { 'a/p': web } }, { ...spread(), spec: { ...spread().spec as object, ...(nodeTerms(expression('no', 'DoesNotExist')) as object) } as never }, 'a: b:'],
    ['… but with nodeAffinityPolicy: Ignore they do', { nodes: { a: zone('1'), b: zone('2', { no: '' }) }, placed: { 'a/p': web } }, { ...spread(), spec: { ...spread({ nodeAffinityPolicy: 'Ignore' }).spec as object, ...(nodeTerms(expression('no', 'DoesNotExist')) as object) } as never }, `a:${unevenWords} b:`],
    ['tainted places count', { nodes: { a: zone('1'), b: { ...zone('2'), ...taint('k', 'NoSchedule') } }, placed: { 'a/p': web } }, spread(), `a:${unevenWords} b:`],
    ['… but not with nodeTaintsPolicy: Honor', { nodes: { a: zone('1'), b: { ...zone('2'), ...taint('k', 'NoSchedule') } }, placed: { 'a/p': web } }, spread({ nodeTaintsPolicy: 'Honor' }), 'a: b:'],
    ['matchLabelKeys', { nodes: { a: zone('1'), b: zone('2') }, placed: { 'a/p': { labels: { app: 'web', hash: '1' } } } }, { ...spread({ matchLabelKeys: ['hash'] }), labels: { app: 'web', hash: '2' } }, 'a: b:'],
    ['two wishes', { nodes: { a: zone('1'), b: zone('1'), c: zone('2') }, placed: { 'a/p': web, 'c/q': web } }, spread({}, { topologyKey: 'kubernetes.io/hostname' }), `a:${unevenWords} b: c:${unevenWords}`],
  ],
};

for (const [name, rows] of Object.entries(table)) {
  describe(name, () => {
    for (const [what, world, pod, wanted] of rows) test(what, () => assert.equal(said(name, world, pod), wanted));
  });
}

describe('which changes may help', () => {
  const world: World = { nodes: { a: { ...zone('1'), allocatable: { cpu: '1' } }, b: taint('k', 'NoSchedule'), c: { allocatable: { cpu: '1' } } }, placed: { 'a/p': { requests: { cpu: '800m' } }, 'c/q': { requests: { cpu: '800m' }, ending: true } } };
  const other = (more: PodMore) => placedOn('a', 'other', more);
  const hints: readonly (readonly [filter: string, change: ClusterChange, detail: (cluster: ClusterView) => ChangeDetail, pod: PodMore, helps: boolean])[] = [
    ['NodeResourcesFit', 'pod-left', (cluster) => ({ pod: other({}), node: cluster.node('a') }), { requests: { cpu: '500m' } }, false],
    ['NodeResourcesFit', 'pod-left', (cluster) => ({ pod: other({}), node: cluster.node('a') }), { requests: { cpu: '200m' } }, true],
    ['NodeResourcesFit', 'pod-left', (cluster) => ({ pod: other({}), node: cluster.node('a') }), { requests: { cpu: '1' }, spec: { priority: 10 } as never }, true],
    ['NodeResourcesFit', 'pod-left', (cluster) => ({ pod: other({}), node: cluster.node('c') }), { requests: { cpu: '1' }, spec: { priority: 10 } as never }, false],
    ['NodeResourcesFit', 'node-added', (cluster) => ({ node: cluster.node('b') }), { requests: { cpu: '4' } }, true],
    ['NodeResourcesFit', 'node-added', (cluster) => ({ node: cluster.node('b') }), { requests: { cpu: '5' } }, false],
    ['TaintToleration', 'node-taints', (cluster) => ({ node: cluster.node('b') }), {}, false],
    ['TaintToleration', 'node-taints', (cluster) => ({ node: cluster.node('a') }), {}, true],
    ['NodeAffinity', 'node-labels', (cluster) => ({ node: cluster.node('a') }), { spec: { nodeSelector: { zone: '2' } } as never }, false],
    ['NodeAffinity', 'node-labels', (cluster) => ({ node: cluster.node('a') }), { spec: { nodeSelector: { zone: '1' } } as never }, true],
    ['NodePorts', 'pod-left', () => ({ pod: other(hostPort(81)) }), hostPort(80), false],
    ['NodePorts', 'pod-left', () => ({ pod: other(hostPort(80)) }), hostPort(80), true],
    ['InterPodAffinity', 'pod-placed', () => ({ pod: other({ labels: { app: 'db' } }) }), { spec: affine('podAffinity', term('web')) }, false],
    ['InterPodAffinity', 'pod-placed', () => ({ pod: other(web) }), { spec: affine('podAffinity', term('web')) }, true],
    ['PodTopologySpread', 'pod-left', () => ({ pod: other({ labels: { app: 'db' } }) }), spread(), false],
    ['PodTopologySpread', 'pod-left', () => ({ pod: other(web) }), spread(), true],
  ];
  hints.forEach(([name, change, detail, pod, helps], index) => {
    test(`${index + 1}: ${name}, ${change}: ${helps}`, () => {
      const cluster = clusterOf(world);
      const filter = filters.find((one) => one.name === name)!;
      assert.ok(filter.wokenBy.includes(change));
      assert.equal(filter.mayHelp!(change, detail(cluster), needsOf(samplePod('x', pod)), cluster), helps);
    });
  });
});
