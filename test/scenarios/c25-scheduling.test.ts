// C25 where a Pod may run, why it cannot, and that it is tried again when the world has changed. C21: requests are never over-committed.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { events, podDisruptionBudgets } from '../../src/api/kinds/index.ts';
import { isTrue } from '../../src/api/meta.ts';
import type { PodSpec } from '../../src/api/types.ts';
import { pod, waits } from '../support/manifests.ts';
import { mainProcess, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

describe('C25 scheduling', () => {
  let house: RealCluster;
  const create = async (...items: object[]) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  };
  const one = (name: string, spec: object = {}, container: object = {}) => pod(name, [{ command: waits, ...container }], { terminationGracePeriodSeconds: 1, ...spec } as Partial<PodSpec>);
  /** The message of the condition PodScheduled, once the scheduler has refused. */
  const refusal = async (name: string) => {
    const scheduled = (await house.untilPod(name, (now) => now?.status.conditions?.some(({ type, status }) => type === 'PodScheduled' && status === 'False') ?? false))!.status.conditions!.find(({ type }) => type === 'PodScheduled')!;
    return `${scheduled.reason}: ${scheduled.message}`;
  };
  /** The message of an Event about a Pod, once there is one. */
  const eventOf = async (name: string, reason: string) => {
    const options = { namespace: 'default', fieldSelector: `involvedObject.name=${name},reason=${reason}` };
    const signal = AbortSignal.timeout(60_000);
    const { items, metadata } = await house.cluster.client.list(events, options, signal);
    if (items[0]) return items[0].message!;
    for await (const event of house.cluster.client.watch(events, { ...options, resourceVersion: metadata.resourceVersion }, signal)) if (event.type === 'ADDED') return event.object.message!;
    throw new Error(`no event ${reason} of ${name}`);
  };
  const needs = (resources: object) => ({ resources: { requests: resources } });
  const port = { ports: [{ containerPort: 80, hostPort: 18_951 }] };

  before(async () => {
    house = await startRealCluster();
    await create(
      one('too-large', {}, needs({ cpu: '1k', memory: '100Ti' })),
      one('strange', {}, { resources: { limits: { 'example.com/gpu': '1' } } }),
      one('selects', { nodeSelector: { disk: 'fast' } }),
      one('prefers', { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }] } } } }),
      one('gated', { schedulingGates: [{ name: 'example.com/wait' }] }),
      one('first-on-port', {}, port),
    );
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('a Pod that fits nowhere says why, in the words of Kubernetes', async () => {
    assert.match(await refusal('too-large'), /^Unschedulable: 0\/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory\. /);
    assert.match(await refusal('strange'), /^Unschedulable: 0\/1 nodes are available: 1 Insufficient example\.com\/gpu\. /);
    assert.match(await refusal('selects'), /^Unschedulable: 0\/1 nodes are available: 1 node\(s\) didn't match Pod's node affinity\/selector\. /);
    assert.match(await eventOf('selects', 'FailedScheduling'), /^0\/1 nodes are available/);
    assert.match(await house.kubectl('describe', 'pod', 'selects'), /Warning +FailedScheduling .* default-scheduler +0\/1 nodes are available/);
  });

  test('a host port has one owner', async () => {
    await house.untilReady('first-on-port');
    await create(one('second-on-port', {}, port));
    assert.match(await refusal('second-on-port'), /1 node\(s\) didn't have free ports for the requested pod ports/);
    await house.kubectl('delete', 'pod', 'first-on-port');
    await house.untilReady('second-on-port');
  });

  test('labels on the node let waiting Pods in', async () => {
    await house.kubectl('label', 'node', house.cluster.nodeName, 'disk=fast', 'zone=a');
    await house.untilReady('selects');
    await house.untilReady('prefers');
  });

  test('a scheduling gate holds a Pod back until it is lifted', async () => {
    assert.match(await house.kubectl('get', 'pod', 'gated', '--no-headers'), /^gated +0\/1 +SchedulingGated /);
    assert.match(await refusal('gated'), /^SchedulingGated: /);
    await house.kubectl('patch', 'pod', 'gated', '--type=json', '-p', '[{"op":"remove","path":"/spec/schedulingGates"}]');
    await house.untilReady('gated');
  });

  test('requests are never over-committed, and room is used as soon as it is there', async () => {
    const { status } = JSON.parse(await house.kubectl('get', 'node', house.cluster.nodeName, '-o', 'json')) as { status: { allocatable: { cpu: string } } };
    const share = { cpu: `${Math.floor(Number(status.allocatable.cpu) * 600)}m` };
    await create(one('half', {}, needs(share)));
    await house.untilReady('half');
    await create(one('other-half', {}, needs(share)));
    assert.match(await refusal('other-half'), /1 Insufficient cpu/);
    await house.kubectl('delete', 'pod', 'half');
    await house.untilReady('other-half');
  });

  test('cordon and taints keep Pods out; a toleration lets them in', async () => {
    const node = house.cluster.nodeName;
    await house.kubectl('cordon', node);
    await create(one('kept-out'));
    assert.match(await refusal('kept-out'), /1 node\(s\) were unschedulable/);
    await house.kubectl('uncordon', node);
    await house.untilReady('kept-out');
    await house.kubectl('taint', 'node', node, 'only=few:NoSchedule');
    await create(one('intolerant'), one('tolerant', { tolerations: [{ key: 'only', operator: 'Exists' }] }));
    assert.match(await refusal('intolerant'), /1 node\(s\) had untolerated taint\(s\)/);
    await house.untilReady('tolerant');
    await house.kubectl('taint', 'node', node, 'only-');
    await house.untilReady('intolerant');
  });

  test('nodeName goes past the scheduler', async () => {
    await create(one('bound', { nodeName: house.cluster.nodeName, nodeSelector: { disk: 'fast' } }));
    await house.untilReady('bound');
    await create(one('misled', { nodeName: house.cluster.nodeName, nodeSelector: { disk: 'none' } }));
    const refused = (await house.untilPod('misled', (now) => now?.status.phase === 'Failed'))!;
    assert.equal(refused.status.reason, 'NodeAffinity');
  });

  test('Pods keep away from each other, and come where others are', async () => {
    const term = (app: string) => ({ requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } }] });
    const labelled = (name: string, app: string, spec: object = {}) => ({ ...one(name, spec), metadata: { name, namespace: 'default', labels: { app } } });
    await create(labelled('hermit', 'hermit', { affinity: { podAntiAffinity: term('visitor') } }), labelled('seeks-friend', 'seeker', { affinity: { podAffinity: term('friend') } }));
    await house.untilReady('hermit');
    assert.match(await refusal('seeks-friend'), /1 node\(s\) didn't match pod affinity rules/);
    await create(labelled('visitor', 'visitor'), labelled('friend', 'friend'));
    assert.match(await refusal('visitor'), /1 node\(s\) didn't satisfy existing pods anti-affinity rules/);
    await house.untilReady('seeks-friend');
    await house.kubectl('delete', 'pod', 'hermit');
    await house.untilReady('visitor');
  });

  test('a Pod of a higher class takes the place of one of a lower, and leaves alone whom a budget protects', async () => {
    assert.match(await house.kubectl('get', 'priorityclasses'), /^NAME +VALUE +GLOBAL-DEFAULT +AGE +PREEMPTIONPOLICY\n.*system-cluster-critical +2000000000 +false/);
    const { status } = JSON.parse(await house.kubectl('get', 'node', house.cluster.nodeName, '-o', 'json')) as { status: { allocatable: { cpu: string } } };
    const part = (share: number) => needs({ cpu: `${Math.floor(Number(status.allocatable.cpu) * share)}m` });
    await house.kubectl('delete', 'pod', 'other-half', '--ignore-not-found');
    await create(
      { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'high' }, value: 1000 },
      // More important than the other: were it not for the budget, that one would go.
      { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'some' }, value: 10 },
      { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'protected', namespace: 'default' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'protected' } } } },
      { ...one('protected', {}, part(400)), metadata: { name: 'protected', namespace: 'default', labels: { app: 'protected' } } },
      one('expendable', { terminationGracePeriodSeconds: 30, priorityClassName: 'some' }, part(400)),
    );
    await house.untilReady('protected');
    const victim = await house.untilReady('expendable');
    await until(house.cluster, podDisruptionBudgets, { namespace: 'default', name: 'protected' }, (now) => now?.status.currentHealthy === 1 && now.status.disruptionsAllowed === 0);
    assert.match(await house.kubectl('get', 'pdb', 'protected', '--no-headers'), /^protected +1 +N\/A +0 /);
    const unknown = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(one('unknown', { priorityClassName: 'none' })) });
    assert.match(unknown.stderr, /pods "unknown" is forbidden: no PriorityClass with name none was found/);
    const process = mainProcess(house.dataDir, victim, 'c0');
    assert.ok(existsSync(`/proc/${process}`));
    const going = house.untilPod('expendable', (now) => now === undefined || isTrue(now.status.conditions, 'DisruptionTarget'));
    await create(one('important', { priorityClassName: 'high' }, part(400)));
    const target = (await going)?.status.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual([target?.reason, target?.message], ['PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod']);
    const important = await house.untilReady('important');
    assert.deepEqual([important.spec.priority, important.spec.preemptionPolicy], [1000, 'PreemptLowerPriority']);
    assert.equal((await house.pod('protected')).metadata.deletionTimestamp, undefined);
    await house.untilGone('expendable');
    assert.equal(existsSync(`/proc/${process}`), false);
    assert.equal(await eventOf('expendable', 'Preempted'), `Preempted by pod ${important.metadata.uid} on node ${house.cluster.nodeName}`);
    await house.kubectl('delete', 'pod', 'important', 'protected');
  });

  test('a RuntimeClass says what runs a Pod, and what that costs', async () => {
    const classOf = (name: string, handler: string, more: object = {}) => ({ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name }, handler, ...more });
    await create(classOf('known', 'runc', { overhead: { podFixed: { cpu: '250m' } }, scheduling: { nodeSelector: { disk: 'fast' } } }), classOf('unknown', 'not-there'));
    await create(one('of-class', { runtimeClassName: 'known' }), one('of-no-class', { runtimeClassName: 'unknown' }));
    const { spec } = await house.untilReady('of-class');
    assert.deepEqual([spec.overhead, spec.nodeSelector], [{ cpu: '250m' }, { disk: 'fast' }]);
    const told = await eventOf('of-no-class', 'FailedCreatePodSandBox');
    assert.match(told, /not-there/);
    assert.equal((await house.pod('of-no-class')).status.phase, 'Pending');
    await house.kubectl('delete', 'pod', 'of-no-class', '--grace-period=0', '--force');
  });

  test('a node refuses what it has no room for, whoever sent it', async () => {
    await create(one('too-much', { nodeName: house.cluster.nodeName }, needs({ cpu: '1k' })));
    const refused = (await house.untilPod('too-much', (now) => now?.status.phase === 'Failed'))!;
    assert.equal(refused.status.reason, 'OutOfcpu');
    assert.match(refused.status.message!, /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: \d+, capacity: \d+$/);
  });
});
