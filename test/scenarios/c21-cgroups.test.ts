// C21 what the kernel holds a Pod to: its cgroup and those of its containers and of its class, and who is ended first when
// memory runs out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/types.ts';
import { pod } from '../support/manifests.ts';
import { mainProcess, startRealCluster, taskPid, type RealCluster } from '../support/real-cluster.ts';

const mi = 2 ** 20;
const isV2 = readFileSync('/proc/self/cgroup', 'utf8').split('\n').every((line) => line === '' || line.startsWith('0:'));

/** The path of a process' cgroup, and a file of it or of one so many levels above. */
function cgroupOf(pid: number, controller: string): { path: string; read: (v1: string, v2: string, above?: number) => string } {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n').map((line) => line.split(':'));
  const own = lines.find(([, controllers = '']) => controllers.split(',').includes(controller))?.[2];
  const path = own ?? lines.find(([id]) => id === '0')![2]!;
  const root = own === undefined ? '/sys/fs/cgroup' : join('/sys/fs/cgroup', controller);
  return { path, read: (v1, v2, above = 0) => readFileSync(join(root, path, '../'.repeat(above), own === undefined ? v2 : v1), 'utf8').trim() };
}

describe('C21 cgroups', () => {
  let house: RealCluster;
  const up = new Map<string, Pod>();

  before(async () => {
    house = await startRealCluster({ podMaxPids: 321 });
    const quick = { terminationGracePeriodSeconds: 1 };
    const full = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });
    const items = [
      pod('guaranteed', [{ resources: full('100m', '32Mi') }, { resources: full('200m', '48Mi') }], quick),
      pod('burstable', [{ resources: { requests: { cpu: '250m', memory: '64Mi' }, limits: { cpu: '500m' } } }, { resources: { requests: { memory: '16Mi' } } }], {
        ...quick, initContainers: [{ name: 'side', image: 'localhost/busybox', restartPolicy: 'Always', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait $!'] }],
      }),
      pod('best-effort', [{}], quick),
      pod('whole', [{ resources: { requests: { cpu: '50m' } } }, {}], { ...quick, resources: { requests: { cpu: '200m', memory: '64Mi' }, limits: { cpu: '400m', memory: '96Mi' } } } as never),
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
    for (const { metadata } of items) up.set(metadata.name, await house.untilReady(metadata.name));
  });
  after(() => house?.[Symbol.asyncDispose]());

  const pidOf = (name: string, container = 'c0') => {
    const init = up.get(name)!.status.initContainerStatuses?.find((one) => one.name === container);
    return init ? taskPid(house.dataDir, init.containerID!.replace(/^.*\/\//, '')) : mainProcess(house.dataDir, up.get(name)!, container);
  };
  const memoryOf = (name: string, above = 0, container = 'c0') => cgroupOf(pidOf(name, container), 'memory').read('memory.limit_in_bytes', 'memory.max', above);
  const quotaOf = (name: string, above = 0, container = 'c0') => cgroupOf(pidOf(name, container), 'cpu').read('cpu.cfs_quota_us', 'cpu.max', above).split(' ')[0];
  const sharesOf = (name: string, above = 0, container = 'c0') => Number(cgroupOf(pidOf(name, container), 'cpu').read('cpu.shares', 'cpu.weight', above));
  const shares = (milli: number) => {
    const wanted = Math.max(2, Math.floor((milli * 1024) / 1000));
    return isV2 ? 1 + Math.floor(((wanted - 2) * 9999) / 262_142) : wanted;
  };
  const scoreOf = (name: string, container = 'c0') => Number(readFileSync(`/proc/${pidOf(name, container)}/oom_score_adj`, 'utf8'));
  const unlimited = (text: string) => text === 'max' || text === '-1' || Number(text) > 2 ** 60;

  test('C21 each class has its place, each Pod one in it, each container one in that', () => {
    const where = (name: string) => cgroupOf(pidOf(name), 'memory').path.split('/').slice(-3);
    for (const [name, qos] of [['burstable', 'burstable'], ['best-effort', 'besteffort']] as const) {
      const [above, own] = where(name);
      assert.deepEqual([up.get(name)!.status.qosClass!.toLowerCase(), above, own], [qos, qos, `pod${up.get(name)!.metadata.uid}`]);
    }
    assert.deepEqual([up.get('guaranteed')!.status.qosClass, where('guaranteed')[1]], ['Guaranteed', `pod${up.get('guaranteed')!.metadata.uid}`]);
    assert.doesNotMatch(where('guaranteed')[0]!, /burstable|besteffort/);
  });

  test('C21 limits hold for each container and for the sum of them; requests weigh', () => {
    assert.deepEqual([memoryOf('guaranteed'), memoryOf('guaranteed', 0, 'c1'), memoryOf('guaranteed', 1)].map(Number), [32 * mi, 48 * mi, 80 * mi]);
    assert.deepEqual([quotaOf('guaranteed'), quotaOf('guaranteed', 0, 'c1'), quotaOf('guaranteed', 1)].map(Number), [10_000, 20_000, 30_000]);
    assert.deepEqual([sharesOf('guaranteed'), sharesOf('guaranteed', 1)], [shares(100), shares(300)]);
    // One container without a limit, and the Pod has none.
    assert.deepEqual([Number(quotaOf('burstable')), unlimited(quotaOf('burstable', 1)!), unlimited(memoryOf('burstable', 1))], [50_000, true, true]);
    assert.deepEqual([sharesOf('burstable'), sharesOf('burstable', 0, 'c1'), sharesOf('burstable', 1)], [shares(250), shares(0), shares(250)]);
    assert.deepEqual([sharesOf('best-effort'), sharesOf('best-effort', 1), sharesOf('best-effort', 2)], [shares(0), shares(0), shares(0)]);
    // The class of Burstable Pods weighs what they do together.
    assert.ok(sharesOf('burstable', 2) >= shares(450) - 1);
  });

  test('C21 resources of the Pod itself hold its containers together, and each that sets no limit', () => {
    assert.equal(up.get('whole')!.status.qosClass, 'Burstable');
    assert.deepEqual([memoryOf('whole', 1), memoryOf('whole'), memoryOf('whole', 0, 'c1')].map(Number), [96 * mi, 96 * mi, 96 * mi]);
    assert.deepEqual([quotaOf('whole', 1), quotaOf('whole', 0, 'c1')].map(Number), [40_000, 40_000]);
    assert.deepEqual([sharesOf('whole', 1), sharesOf('whole'), sharesOf('whole', 0, 'c1')], [shares(200), shares(50), shares(0)]);
    const { status } = up.get('whole')!;
    assert.deepEqual([status.allocatedResources, status.resources], [{ cpu: '200m', memory: '64Mi' }, { requests: { cpu: '200m', memory: '64Mi' }, limits: { cpu: '400m', memory: '96Mi' } }]);
  });

  test('C21 the more a container reserves of what it may use, the later the kernel ends it', async () => {
    const { items } = JSON.parse(await house.kubectl('get', 'nodes', '-o', 'json')) as { items: { status: { capacity: { memory: string } } }[] };
    const capacity = Number.parseInt(items[0]!.status.capacity.memory) * 1024;
    const score = (bytes: number) => 1000 - Math.floor((1000 * bytes) / capacity);
    // Where a runtime may not lower it, it stays as it is.
    assert.ok(scoreOf('guaranteed') <= 0);
    assert.equal(scoreOf('best-effort'), 1000);
    assert.deepEqual([scoreOf('burstable'), scoreOf('burstable', 'c1')], [score(64 * mi), Math.min(999, score(16 * mi))]);
    // A sidecar goes no earlier than the containers that need it.
    assert.equal(scoreOf('burstable', 'side'), scoreOf('burstable', 'c1'));
    // Half of what the Pod reserves is for each of its two containers, which reserve nothing.
    assert.deepEqual([scoreOf('whole'), scoreOf('whole', 'c1')], [score(32 * mi), score(32 * mi)]);
  });

  test('C21 a Pod has no more processes than the node allows one', () => {
    assert.deepEqual([cgroupOf(pidOf('whole'), 'pids').read('pids.max', 'pids.max', 1), cgroupOf(pidOf('best-effort'), 'pids').read('pids.max', 'pids.max', 1)], ['321', '321']);
  });

  test('C21 the Pod grows as a whole', async () => {
    await house.kubectl('patch', 'pod', 'whole', '--subresource', 'resize', '-p', '{"spec":{"resources":{"limits":{"memory":"128Mi"}}}}');
    await house.untilPod('whole', (now) => now?.status.resources?.limits?.['memory'] === '128Mi' && !now.status.conditions!.some(({ type }) => type.startsWith('PodResize')));
    assert.deepEqual([memoryOf('whole', 1), memoryOf('whole', 0, 'c1')].map(Number), [128 * mi, 128 * mi]);
  });
});
