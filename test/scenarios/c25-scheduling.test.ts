// C25 where a Pod may run, why it cannot, and that it is tried again when the world has changed. C21: requests are never over-committed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PodSpec } from '../../src/api/types.ts';
import { pod, waits } from '../support/manifests.ts';
import { startRealCluster, type RealCluster } from '../support/real-cluster.ts';

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
});
