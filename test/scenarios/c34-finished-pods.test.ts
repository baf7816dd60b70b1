// C34: a Pod whose containers have ended keeps its object, its logs and what became of it, until it is deleted, or one of too many.
import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import type { Pod } from '../../src/api/types.ts';
import { eventually, startRealCluster, type RealCluster } from '../support/real-cluster.ts';
import { pod } from '../support/manifests.ts';

describe('C34 finished Pods', () => {
  let house: RealCluster;
  const signal = AbortSignal.timeout(280_000);
  const isFinished = (one: Pod | undefined) => one?.status.phase === 'Succeeded' || one?.status.phase === 'Failed';
  const finish = async (name: string, script: string) => {
    await house.cluster.client.create(pods, pod(name, [{ command: ['sh', '-c', script] }], { restartPolicy: 'Never' }) as never, signal);
    return (await house.untilPod(name, isFinished))!;
  };
  const names = async () => (await house.cluster.client.list(pods, { namespace: 'default' }, signal)).items.map(({ metadata }) => metadata.name).sort();
  const tracesOf = ({ metadata }: Pod) => [
    ...globSync(join(house.dataDir, 'node', 'logs', `*_${metadata.uid}`)),
    ...globSync(`/sys/fs/cgroup/{*/,}peapod-*/**/pod${metadata.uid}`),
    ...(existsSync(join(house.dataDir, 'node', 'pods', metadata.uid)) ? ['directory'] : []),
  ];

  before(async () => {
    house = await startRealCluster({ terminatedPodGcThreshold: 3 });
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('C34 exit codes, reasons, messages and logs stay readable; nothing of it runs or is mounted any more', async () => {
    const failed = await finish('failed', 'echo said; echo why > /dev/termination-log; exit 7');
    const succeeded = await finish('succeeded', 'echo well done');
    const ended = ({ status }: Pod) => status.containerStatuses![0]!.state!.terminated!;
    assert.deepEqual([failed.status.phase, ended(failed).exitCode, ended(failed).reason, ended(failed).message], ['Failed', 7, 'Error', 'why\n']);
    assert.deepEqual([succeeded.status.phase, ended(succeeded).exitCode, ended(succeeded).reason], ['Succeeded', 0, 'Completed']);
    assert.equal(await house.kubectl('logs', 'failed'), 'said\n');
    assert.equal(await house.kubectl('logs', 'succeeded'), 'well done\n');
    assert.match(await house.kubectl('get', 'pods', '--no-headers'), /failed +0\/1 +Error[^]*succeeded +0\/1 +Completed/);
    await eventually('the network and the volumes to be gone', () => !existsSync(join(house.dataDir, 'node', 'pods', failed.metadata.uid)));
    assert.deepEqual(globSync(`/sys/fs/cgroup/{*/,}peapod-*/**/pod${failed.metadata.uid}`), []);
  });

  test('C34 when there are too many the oldest go, with all that they had left', async () => {
    const oldest = await house.pod('failed');
    await house.cluster.client.create(pods, pod('runs', [{}]) as never, signal);
    await finish('third', 'exit 1');
    assert.deepEqual(await names(), ['failed', 'runs', 'succeeded', 'third'], 'three are not too many');
    await finish('fourth', 'exit 0');
    await house.untilGone('failed');
    assert.deepEqual(await names(), ['fourth', 'runs', 'succeeded', 'third']);
    await eventually('its traces to be gone', () => tracesOf(oldest).length === 0);
    assert.equal(await house.kubectl('logs', 'succeeded'), 'well done\n');
  });
});
