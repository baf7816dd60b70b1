// C20 emptyDir: a Pod that takes more disk than its volume's limit is evicted; memory is bounded, and counted as the Pod's.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pod, waits } from '../support/manifests.ts';
import { eventually, mainProcess, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';
import type { Container, PodSpec } from '../../src/api/types.ts';

describe('C20 emptyDir', () => {
  let house: RealCluster;
  const create = async (...items: object[]) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  };
  const shell = async (name: string, script: string) => (await house.kubectl('exec', name, '--', 'sh', '-c', script)).trim();
  const withDir = (name: string, emptyDir: object, container: Partial<Container> = {}, spec: Partial<PodSpec> = {}) =>
    pod(name, [{ command: waits, volumeMounts: [{ name: 'dir', mountPath: '/dir' }], ...container }], { terminationGracePeriodSeconds: 1, volumes: [{ name: 'dir', emptyDir }], ...spec });

  before(async () => {
    house = await startRealCluster();
    // Of these, some go over their limits; the node looks at them every ten seconds, while the other tests run.
    const limited = (name: string, ephemeral: string) => pod(name, [{ command: ['sh', '-c', 'dd if=/dev/zero of=/file bs=1M count=3 2>/dev/null; exec sleep 3600'], resources: { limits: { 'ephemeral-storage': ephemeral } } }], { terminationGracePeriodSeconds: 1 });
    await create(
      limited('scribbles', '1Mi'),
      limited('writes', '8Mi'),
      withDir('greedy', { sizeLimit: '1Mi' }, { command: ['sh', '-c', 'dd if=/dev/zero of=/dir/file bs=1M count=3 2>/dev/null; exec sleep 3600'] }),
      withDir('modest', { sizeLimit: '8Mi' }, { command: ['sh', '-c', 'dd if=/dev/zero of=/dir/file bs=1M count=3 2>/dev/null; exec sleep 3600'] }),
    );
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('in memory: as large as its limit, the Pod\'s or the node, whichever is least', async () => {
    const limits = (memory: string) => ({ resources: { limits: { memory } } });
    await create(
      withDir('own-limit', { medium: 'Memory', sizeLimit: '8Mi' }, limits('64Mi')), withDir('pod-limit', { medium: 'Memory', sizeLimit: '128Mi' }, limits('64Mi')), withDir('no-limit', { medium: 'Memory' }),
    );
    const sizes: Record<string, number> = {};
    for (const name of ['own-limit', 'pod-limit', 'no-limit']) {
      await house.untilReady(name);
      sizes[name] = Number((await shell(name, 'df -k /dir | tail -1')).split(/\s+/)[1]) / 1024;
    }
    const allocatable = await house.kubectl('get', 'node', '-o', 'jsonpath={.items[0].status.allocatable.memory}');
    const all = Number.parseInt(allocatable) / (allocatable.endsWith('Ki') ? 1024 : 1);
    assert.deepEqual([sizes['own-limit'], sizes['pod-limit']], [8, 64]);
    assert.ok(Math.abs(sizes['no-limit']! - all) < 2, `${sizes['no-limit']} MiB of ${all} MiB`);
    assert.equal(await shell('own-limit', 'stat -c %a /dir; dd if=/dev/zero of=/dir/file bs=1M count=9 2>&1 | grep -c "No space left"'), '777\n1');
  });

  test('in memory: what is written counts as the container\'s memory', async () => {
    const ready = await house.untilReady('pod-limit');
    const used = () => memoryOf(mainProcess(house.dataDir, ready, 'c0'));
    const earlier = used();
    await shell('pod-limit', 'dd if=/dev/zero of=/dir/file bs=1M count=24 2>/dev/null');
    // A little else may be given back meanwhile.
    assert.ok(used() - earlier >= 20 * 1024 * 1024, `${used() - earlier} bytes more`);
    await house.kubectl('delete', 'pod', 'own-limit', 'pod-limit', 'no-limit');
  });

  test('on disk: lives over restarts of containers, and ends with the Pod; a new Pod of the name has a new one', async () => {
    const counts = withDir('counts', {}, { command: ['sh', '-c', 'echo x >> /dir/starts; until [ -e /dir/stop ]; do sleep 0.1; done; rm /dir/stop'] });
    await create(counts);
    const first = await house.untilReady('counts');
    const directory = (uid: string) => join(house.dataDir, 'node', 'pods', uid, 'volumes', 'kubernetes.io~empty-dir', 'dir');
    assert.equal(statSync(directory(first.metadata.uid)).mode & 0o7777, 0o777);
    await shell('counts', 'chmod 700 /dir; touch /dir/stop');
    await house.untilPod('counts', (now) => now?.status.containerStatuses?.[0]?.restartCount === 1 && !!now.status.containerStatuses[0].state?.running);
    await eventually('the second start', async () => (await shell('counts', 'cat /dir/starts')) === 'x\nx');
    assert.equal(await shell('counts', 'stat -c %a /dir'), '700');
    await house.kubectl('delete', 'pod', 'counts');
    assert.equal(existsSync(join(house.dataDir, 'node', 'pods', first.metadata.uid)), false);
    await create(counts);
    await house.untilReady('counts');
    await eventually('the first start', async () => (await shell('counts', 'cat /dir/starts')) === 'x');
    await house.kubectl('delete', 'pod', 'counts');
  });

  test('on disk: more than sizeLimit evicts the Pod, with the kubelet\'s reason and words', async () => {
    const evicted = (await house.untilPod('greedy', (now) => now?.status.phase === 'Failed'))!;
    const target = evicted.status.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual([target?.status, target?.reason], ['True', 'TerminationByKubelet']);
    assert.deepEqual([evicted.status.reason, evicted.status.message], ['Evicted', 'Usage of EmptyDir volume "dir" exceeds the limit "1Mi". ']);
    assert.equal(evicted.status.containerStatuses?.[0]?.state?.terminated !== undefined, true);
    await eventually('the event', async () => /Warning +Evicted .*kubelet +Usage of EmptyDir volume "dir" exceeds the limit "1Mi"/.test(await house.kubectl('describe', 'pod', 'greedy')));
    assert.equal((await house.pod('modest')).status.phase, 'Running');
    await eventually('its volumes to go', () => !existsSync(join(house.dataDir, 'node', 'pods', evicted.metadata.uid, 'volumes')));
  });

  test('ephemeral-storage: what a container writes beside its volumes is limited too', { skip: onDocker }, async () => {
    const evicted = (await house.untilPod('scribbles', (now) => now?.status.phase === 'Failed'))!;
    // The Pod's limit is that of its one container, and comes first.
    assert.deepEqual([evicted.status.reason, evicted.status.message], ['Evicted', 'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ']);
    assert.equal((await house.pod('writes')).status.phase, 'Running');
  });
});

/** Bytes that the process' cgroup counts, in either version. */
function memoryOf(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n').map((line) => line.split(':'));
  const v1 = lines.find(([, controllers]) => controllers?.split(',').includes('memory'))?.[2];
  const path = v1 === undefined ? `/sys/fs/cgroup${lines.find(([id]) => id === '0')![2]}/memory.current` : `/sys/fs/cgroup/memory${v1}/memory.usage_in_bytes`;
  return Number(readFileSync(path, 'utf8'));
}
