// C21 in-place resize: the kernel's limits change under a running process, or its container restarts for it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/types.ts';
import { pod } from '../support/manifests.ts';
import { eventually, mainProcess, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const mi = 2 ** 20;

/** What the kernel holds a process to, or a cgroup so many levels above it. */
function limits(pid: number, above = 0): { shares: number; quotaUs: number; memoryBytes: number } {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n').map((line) => line.split(':'));
  const text = (controller: string, v1: string, v2: string) => {
    const path = lines.find(([, controllers = '']) => controllers.split(',').includes(controller))?.[2];
    const file = path === undefined ? join('/sys/fs/cgroup', lines.find(([id]) => id === '0')![2]!, '../'.repeat(above), v2) : join('/sys/fs/cgroup', controller, path, '../'.repeat(above), v1);
    return readFileSync(file, 'utf8').trim().split(' ')[0]!;
  };
  return { shares: Number(text('cpu', 'cpu.shares', 'cpu.weight')), quotaUs: Number(text('cpu', 'cpu.cfs_quota_us', 'cpu.max')), memoryBytes: Number(text('memory', 'memory.limit_in_bytes', 'memory.max')) };
}

describe('C21 resize', () => {
  let house: RealCluster;
  const conditionOf = (of: Pod | undefined, type: string) => of?.status.conditions?.find((one) => one.type === type);
  const resize = (name: string, resources: object) => house.kubectl('patch', 'pod', name, '--subresource', 'resize', '-p', JSON.stringify({ spec: { containers: [{ name: 'c0', resources }] } }));
  const events = async (name: string) => {
    const { items } = JSON.parse(await house.kubectl('get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o', 'json')) as { items: { reason: string; message: string }[] };
    return items.map(({ reason, message }) => `${reason} ${message}`);
  };
  const settled = (generation: number) => (now: Pod | undefined) => now?.status.observedGeneration === generation && !conditionOf(now, 'PodResizeInProgress') && !conditionOf(now, 'PodResizePending');

  before(async () => {
    house = await startRealCluster();
    const quick = { terminationGracePeriodSeconds: 1 };
    const amounts = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu: `${Number.parseInt(cpu) * 2}m`, memory } });
    const items = [
      pod('resized', [{ resources: amounts('100m', '64Mi') }, { resources: { requests: { cpu: '50m' }, limits: { cpu: '100m', memory: '32Mi' } } }], quick),
      pod('restarted', [{ resources: amounts('100m', '64Mi'), resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }], { ...quick, restartPolicy: 'OnFailure' }),
      // Holds 40 MB for as long as it runs.
      pod('full', [{ resources: amounts('100m', '64Mi'), command: ['sh', '-c', 'trap "exit 0" TERM; dd if=/dev/zero of=/dev/shm/full bs=1M count=40; sleep 3600 & wait $!'] }], quick),
      pod('wants', [{ resources: { requests: { cpu: '100m' } } }], quick),
      pod('holds', [{ resources: { requests: { cpu: '500m' } } }], quick),
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('C21 more and less of both reach the running process, its Pod and the status', async () => {
    const before = await house.untilReady('resized');
    const pid = mainProcess(house.dataDir, before, 'c0');
    assert.deepEqual([limits(pid).quotaUs, limits(pid).memoryBytes, limits(pid, 1).quotaUs, limits(pid, 1).memoryBytes], [20_000, 64 * mi, 30_000, 96 * mi]);
    assert.deepEqual(before.status.containerStatuses![0]!.allocatedResources, { cpu: '100m', memory: '64Mi' });

    await resize('resized', { requests: { cpu: '200m', memory: '100Mi' }, limits: { cpu: '300m', memory: '128Mi' } });
    const more = (await house.untilPod('resized', settled(2)))!;
    assert.deepEqual([limits(pid).quotaUs, limits(pid).memoryBytes, limits(pid, 1).quotaUs, limits(pid, 1).memoryBytes], [30_000, 128 * mi, 40_000, 160 * mi]);
    const [status] = more.status.containerStatuses!;
    assert.deepEqual(status!.resources, { requests: { cpu: '200m', memory: '100Mi' }, limits: { cpu: '300m', memory: '128Mi' } });
    assert.deepEqual(status!.allocatedResources, { cpu: '200m', memory: '100Mi' });

    await resize('resized', { requests: { cpu: '50m', memory: '16Mi' }, limits: { cpu: '60m', memory: '24Mi' } });
    const less = (await house.untilPod('resized', settled(3)))!;
    assert.deepEqual([limits(pid).quotaUs, limits(pid).memoryBytes, limits(pid, 1).quotaUs, limits(pid, 1).memoryBytes], [6_000, 24 * mi, 16_000, 56 * mi]);
    assert.equal(less.status.containerStatuses![0]!.restartCount, 0);
    assert.equal(mainProcess(house.dataDir, less, 'c0'), pid);
    process.env['KUBE_EDITOR'] = 'sed -i "s/cpu: 60m/cpu: 70m/"';
    assert.match(await house.kubectl('edit', 'pod', 'resized', '--subresource', 'resize'), /^pod\/resized edited/);
    await house.untilPod('resized', settled(4));
    assert.equal(limits(pid).quotaUs, 7_000);
    await eventually('the events', async () => (await events('resized')).filter((line) => line.startsWith('ResizeCompleted ')).length === 3);
    const story = await events('resized');
    assert.ok(story.some((line) => line.startsWith('ResizeStarted Pod resize started: {"containers":[{"name":"c0","resources":{"limits":{"cpu":"300m","memory":"128Mi"},"requests":{"cpu":"200m","memory":"100Mi"}}},') && line.endsWith('],"generation":2}')), story.join('\n'));
  });

  test('C21 RestartContainer: the container restarts at once, whatever it ended with, in the same Pod', async () => {
    const before = await house.untilReady('restarted');
    await resize('restarted', { limits: { memory: '128Mi' } });
    const now = (await house.untilPod('restarted', (one) => settled(2)(one) && one?.status.containerStatuses?.[0]?.restartCount === 1 && one.status.containerStatuses[0].ready))!;
    assert.equal(limits(mainProcess(house.dataDir, now, 'c0')).memoryBytes, 128 * mi);
    assert.equal(limits(mainProcess(house.dataDir, now, 'c0'), 1).memoryBytes, 128 * mi);
    assert.deepEqual([now.metadata.uid, now.status.podIP], [before.metadata.uid, before.status.podIP]);
    await eventually('the event', async () => (await events('restarted')).includes('Killing Container c0 resize requires restart'));
  });

  test('C21 memory is not taken from under a process that uses it', async () => {
    const before = await house.untilReady('full');
    const pid = mainProcess(house.dataDir, before, 'c0');
    await eventually('it has filled its memory', () => readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes('/dev/shm'));
    await eventually('it is full', async () => (await house.tryKubectl(['exec', 'full', '--', 'stat', '-c', '%s', '/dev/shm/full'])).stdout.trim() === String(40 * mi));
    await resize('full', { requests: { memory: '20Mi' }, limits: { memory: '20Mi' } });
    const stuck = (await house.untilPod('full', (one) => conditionOf(one, 'PodResizeInProgress')?.reason === 'Error'))!;
    const { message, observedGeneration } = conditionOf(stuck, 'PodResizeInProgress')!;
    assert.match(message!, /^cannot decrease memory limits: \[attempting to set pod memory limit \(20971520\) below current usage \(\d+\), attempting to set container "c0" memory limit \(20971520\) below current usage \(\d+\)\]$/);
    assert.equal(observedGeneration, 2);
    assert.deepEqual([limits(pid).memoryBytes, stuck.status.containerStatuses![0]!.resources?.limits?.['memory'], stuck.status.containerStatuses![0]!.allocatedResources?.['memory']], [64 * mi, '64Mi', '20Mi']);
    await house.kubectl('exec', 'full', '--', 'rm', '/dev/shm/full');
    await house.untilPod('full', settled(2));
    assert.deepEqual([limits(pid).memoryBytes, limits(pid, 1).memoryBytes], [20 * mi, 20 * mi]);
  });

  test('C21 what the node never has is Infeasible, what it has not now is Deferred and comes with the room', async () => {
    const { status } = JSON.parse(await house.kubectl('get', 'nodes', '-o', 'json')).items[0] as { status: { allocatable: { cpu: string } } };
    const capacity = Number(status.allocatable.cpu) * 1000;
    await Promise.all([house.untilReady('wants'), house.untilReady('holds')]);
    await resize('wants', { requests: { cpu: `${capacity + 500}m` } });
    const never = (await house.untilPod('wants', (one) => conditionOf(one, 'PodResizePending')?.reason === 'Infeasible'))!;
    assert.equal(conditionOf(never, 'PodResizePending')!.message, `Node didn't have enough capacity: cpu, requested: ${capacity + 500}, capacity: ${capacity}`);
    assert.equal(never.status.containerStatuses![0]!.allocatedResources?.['cpu'], '100m');

    await resize('wants', { requests: { cpu: `${capacity - 400}m` } });
    const later = (await house.untilPod('wants', (one) => conditionOf(one, 'PodResizePending')?.reason === 'Deferred'))!;
    assert.match(conditionOf(later, 'PodResizePending')!.message!, new RegExp(`^Node didn't have enough resource: cpu, requested: ${capacity - 400}, used: \\d+, capacity: ${capacity}$`));
    await house.kubectl('delete', 'pod', 'holds', 'resized', 'restarted', 'full', '--wait=false');
    const given = (await house.untilPod('wants', settled(3)))!;
    assert.equal(given.status.containerStatuses![0]!.allocatedResources?.['cpu'], `${(capacity - 400) % 1000 === 0 ? (capacity - 400) / 1000 : `${capacity - 400}m`}`);
    const story = await events('wants');
    for (const reason of ['ResizeInfeasible Pod resize Infeasible: ', 'ResizeDeferred Pod resize Deferred: ']) assert.ok(story.some((line) => line.startsWith(reason) && line.includes('"error":"Node didn')), story.join('\n'));
  });
});
