// Whatever happens, and in whatever order, what is kept up change by change is what a count of everything would give.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '../base/testing/fast-check.ts';
import { labelSelectorOf } from '../api/selectors.ts';
import type { Pod } from '../api/types.ts';
import { seededRandom } from '../base/random.ts';
import { ClusterView } from './cluster-view.ts';
import { decide } from './decide.ts';
import { needsOf, type PodNeeds } from './pod-needs.ts';
import { choosePreemption } from './preempt.ts';
import { sampleNode, samplePod } from './samples.ts';

const apps = ['web', 'db'];
const nodeNames = ['a', 'b', 'c'];

type Step =
  | { readonly type: 'arrives'; readonly cpu: number; readonly app: number; readonly priority: number; readonly away: boolean }
  | { readonly type: 'bound' | 'bind-failed' | 'ending' | 'gone' | 'placed-by-hand'; readonly which: number }
  | { readonly type: 'node'; readonly name: number; readonly cpu: number }
  | { readonly type: 'node-gone'; readonly name: number }
  | { readonly type: 'restart' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('arrives' as const), cpu: fc.integer({ min: 0, max: 3 }), app: fc.nat(1), priority: fc.nat(2), away: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constantFrom('bound' as const, 'bind-failed' as const, 'ending' as const, 'gone' as const), which: fc.nat(20) }) },
  fc.record({ type: fc.constant('node' as const), name: fc.nat(2), cpu: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ type: fc.constant('node-gone' as const), name: fc.nat(2) }),
  fc.record({ type: fc.constant('restart' as const) }),
);

const meaning = (app: string) => ({ key: app, namespaces: ['default'], matches: ({ metadata }: Pod) => labelSelectorOf({ matchLabels: { app } }).matches(metadata.labels) });

function podOf(index: number, { cpu, app, priority, away }: Extract<Step, { type: 'arrives' }>): Pod {
  const antiAffinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: apps[app] } } }] } };
  return samplePod(`p${index}`, { requests: { cpu: String(cpu) }, labels: { app: apps[app]! }, spec: { priority, ...(away ? { affinity: antiAffinity } : {}) } as never });
}

/** The API's side of it: which Pods there are, and which are bound; and that of a scheduler, which believes and assumes. */
function run(steps: readonly Step[]): void {
  const random = seededRandom(1);
  let cluster = new ClusterView();
  const cpus = new Map<string, number>();
  const largest = new Map<string, number>();
  const bound = new Map<string, Pod>();
  const assumed = new Map<string, PodNeeds>();
  let arrivals = 0;
  const setNode = (name: string, cpu: number) => {
    cpus.set(name, cpu);
    largest.set(name, cpu);
    cluster.setNode(sampleNode(name, { allocatable: { cpu: String(cpu) } }));
  };
  setNode('a', 4);
  for (const one of steps) {
    switch (one.type) {
      case 'arrives': {
        const needs = needsOf(podOf(arrivals++, one));
        const decision = decide(needs, cluster, 0, random);
        if (decision.type === 'node') {
          cluster.assume(needs, decision.node.name);
          assumed.set(needs.uid, needs);
          assert.ok((decision.node.requested.cpu ?? 0) <= decision.node.allocatable.cpu!, 'more is promised than there is');
        } else {
          const preemption = choosePreemption(needs, decision.refused, cluster, [], random);
          if (preemption.type === 'room') cluster.nominate(needs, preemption.node.name);
        }
        break;
      }
      case 'bound':
      case 'bind-failed': {
        const needs = [...assumed.values()][one.which % (assumed.size || 1)];
        if (!needs) break;
        assumed.delete(needs.uid);
        if (one.type === 'bind-failed') {
          cluster.remove(needs.uid);
          break;
        }
        const pod = { ...needs.pod, spec: { ...needs.pod.spec, nodeName: cluster.nodeOf(needs.uid)!.name } };
        bound.set(needs.uid, pod);
        cluster.confirm(pod);
        break;
      }
      case 'ending':
      case 'gone': {
        const pod = [...bound.values()][one.which % (bound.size || 1)];
        if (!pod) break;
        if (one.type === 'gone') {
          bound.delete(pod.metadata.uid);
          cluster.remove(pod.metadata.uid);
          break;
        }
        const ending = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: 'now' } };
        bound.set(pod.metadata.uid, ending);
        cluster.confirm(ending);
        break;
      }
      case 'node':
        // It may grow; smaller than what is on it would be nobody's fault.
        setNode(nodeNames[one.name]!, Math.max(one.cpu, largest.get(nodeNames[one.name]!) ?? 0));
        break;
      case 'node-gone':
        cluster.removeNode(nodeNames[one.name]!);
        cpus.delete(nodeNames[one.name]!);
        break;
      case 'restart':
        // What was only assumed is forgotten; bindings that were on their way may still have arrived.
        for (const [uid, needs] of assumed) bound.set(uid, { ...needs.pod, spec: { ...needs.pod.spec, nodeName: cluster.nodeOf(uid)!.name } });
        assumed.clear();
        cluster = new ClusterView();
        for (const pod of bound.values()) cluster.confirm(pod);
        for (const [name, cpu] of cpus) setNode(name, cpu);
        break;
      default:
        break;
    }
    check(cluster, [...bound.values(), ...[...assumed.values()].map(({ pod, uid }) => ({ ...pod, spec: { ...pod.spec, nodeName: cluster.nodeOf(uid)!.name } }))], cpus);
  }
}

function check(cluster: ClusterView, there: readonly Pod[], cpus: ReadonlyMap<string, number>): void {
  assert.deepEqual(cluster.nodes.map(({ name }) => name).sort(), [...cpus.keys()].sort());
  for (const node of cluster.nodes) {
    const mine = there.filter(({ spec }) => spec.nodeName === node.name);
    const cpu = mine.reduce((sum, pod) => sum + (needsOf(pod).requests.cpu ?? 0), 0);
    assert.equal(node.requested.cpu ?? 0, cpu, `requested on ${node.name}`);
    assert.ok(cpu <= cpus.get(node.name)! * 1000, 'requests are over-committed');
    assert.equal(node.pods.size, mine.length);
    for (const app of apps) {
      const wanted = mine.filter(({ metadata }) => metadata.labels?.['app'] === app);
      const anchored = { ...meaning(app), key: `anchored ${app}`, anchor: { key: 'app', value: app } };
      for (const asked of [meaning(app), anchored]) assert.equal(cluster.counts.of(asked).get(node) ?? 0, wanted.length, `${asked.key} on ${node.name}`);
      const away = [...cluster.placedTerms.away.values()].filter(({ term }) => term.matches(samplePod('x', { labels: { app } }), () => undefined)).reduce((sum, { perNode }) => sum + (perNode.get(node) ?? 0), 0);
      assert.equal(away, wanted.filter(({ spec }) => spec.affinity).length, `kept away from ${app} on ${node.name}`);
    }
  }
}

test('C21 nothing is over-committed and no count is lost, whatever happens', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), run), { numRuns: 300 });
});
