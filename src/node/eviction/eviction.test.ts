import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pod } from '../testing/pods.ts';
import { memoryBytes } from '../volumes/empty-dir.ts';
import { allocatableOf } from './allocatable.ts';
import { isNear, nextPressure, noPressure } from './decide.ts';
import { directoryLimits, limitsContainers, overLocalLimit } from './local-limits.ts';
import { evictionMessage } from './messages.ts';
import { parseEvictionPolicy } from './policy.ts';
import { NodePressure } from './pressure.ts';
import { ranked } from './rank.ts';
import { parseReserved } from './reserved.ts';
import type { Readings, Signal } from './signals.ts';

const mi = 2 ** 20;
const seen = (readings: Partial<Record<Signal, [available: number, capacity: number]>>): Readings => new Map(Object.entries(readings).map(([signal, [available, capacity]]) => [signal as Signal, { available, capacity }]));
const texts = (flags: Parameters<typeof parseEvictionPolicy>[0]) => parseEvictionPolicy(flags).thresholds.map(({ signal, value, isHard, graceMs }) => `${signal} ${JSON.stringify(value)} ${isHard ? 'hard' : graceMs}`);

test('thresholds are written as for the kubelet', () => {
  assert.deepEqual(texts({ evictionHard: 'memory.available<100Mi, nodefs.inodesFree<5%,pid.available<1k', evictionSoft: 'memory.available<1Gi', evictionSoftGracePeriod: 'memory.available=1m30s' }), [
    'memory.available {"units":104857600} hard', 'nodefs.inodesFree {"fraction":0.05} hard', 'pid.available {"units":1000} hard', 'memory.available {"units":1073741824} 90000', 'allocatableMemory.available {"units":104857600} hard',
  ]);
  assert.deepEqual(texts({ evictionHard: 'nodefs.available<0%,imagefs.available<100%' }), []);
  assert.equal(parseEvictionPolicy().transitionMs, 300_000);
  for (const [flags, message] of [
    [{ evictionHard: 'memory.available<-1' }, /positive amount/], [{ evictionHard: 'memory.free<1' }, /unsupported eviction signal memory.free/], [{ evictionHard: 'memory.available' }, /no threshold/],
    [{ evictionSoft: 'memory.available<1Gi' }, /grace period must be specified for the soft eviction threshold memory.available/], [{ evictionPressureTransitionPeriod: '5 minutes' }, /no duration/],
    [{ evictionSoftGracePeriod: 'memory.available' }, /SIGNAL=VALUE/], [{ evictionMaxPodGracePeriod: -1 }, /no number of seconds/],
  ] as const) assert.throws(() => parseEvictionPolicy(flags), message);
});

test('what is reserved, and what hard thresholds keep back, is not allocatable', () => {
  const reserved = parseReserved({ kubeReserved: 'cpu=100m,memory=1Gi', systemReserved: 'cpu=0.4,pid=1000,ephemeral-storage=1Ki' });
  assert.deepEqual(reserved, { milliCpu: 500, memoryBytes: 2 ** 30, ephemeralStorageBytes: 1024, processes: 1000 });
  assert.deepEqual(allocatableOf({ milliCpu: 2000, memoryBytes: 2 ** 32, ephemeralStorageBytes: 101_024 }, reserved, parseEvictionPolicy({ evictionHard: 'memory.available<100Mi,nodefs.available<10%' })), {
    milliCpu: 1500, memoryBytes: 2 ** 32 - 2 ** 30 - 100 * mi, ephemeralStorageBytes: 100_000 - 10_102,
  });
  assert.throws(() => parseReserved({ kubeReserved: 'gpu=1' }), /--kube-reserved: cannot reserve "gpu" resource/);
});

test('a condition comes at once and stays for the transition period, so that it does not flap', () => {
  const policy = parseEvictionPolicy({ evictionHard: 'memory.available<100,pid.available<10' });
  let memory = noPressure;
  const look = (atMs: number, available: number) => {
    const next = nextPressure(memory, seen({ 'memory.available': [available, 1000], 'pid.available': [50, 100] }), policy, atMs);
    memory = next.memory;
    return [[...next.conditions].join(), next.due.length] as const;
  };
  assert.deepEqual(look(0, 100), ['', 0], 'not below it');
  assert.deepEqual(look(10_000, 99), ['MemoryPressure', 1]);
  assert.deepEqual(look(20_000, 500), ['MemoryPressure', 0]);
  assert.deepEqual(look(200_000, 50), ['MemoryPressure', 1]);
  assert.deepEqual(look(210_000, 500), ['MemoryPressure', 0]);
  assert.deepEqual(look(499_999, 500), ['MemoryPressure', 0]);
  assert.deepEqual(look(500_000, 500), ['', 0]);
});

test('a soft threshold is due when it has been met all its grace; what is to be freed is more by the minimum reclaim', () => {
  const policy = parseEvictionPolicy({ evictionHard: '', evictionSoft: 'nodefs.available<10%', evictionSoftGracePeriod: 'nodefs.available=1m', evictionMinimumReclaim: 'nodefs.available=50' });
  let memory = noPressure;
  const due = (atMs: number, available: number) => {
    const next = nextPressure(memory, seen({ 'nodefs.available': [available, 1000] }), policy, atMs);
    memory = next.memory;
    return next.due.length;
  };
  assert.deepEqual([due(0, 99), due(30_000, 99), due(40_000, 200), due(50_000, 99), due(109_999, 99), due(110_000, 99)], [0, 0, 0, 0, 0, 1]);
  assert.deepEqual([due(111_000, 149), due(112_000, 150), due(113_000, 149)], [1, 0, 0]);
  assert.deepEqual([isNear(seen({ 'nodefs.available': [199, 1000] }), policy), isNear(seen({ 'nodefs.available': [200, 1000] }), policy)], [true, false]);
});

test('memory is the most urgent', () => {
  const policy = parseEvictionPolicy({ evictionHard: 'nodefs.available<10,memory.available<10' });
  const { due } = nextPressure(noPressure, seen({ 'nodefs.available': [1, 100], 'memory.available': [1, 100] }), policy, 0);
  assert.deepEqual(due.map(({ signal }) => signal), ['memory.available', 'nodefs.available']);
});

const asking = (name: string, memory?: string, priority?: number) => pod({ containers: [{ name: 'app', ...(memory ? { resources: { requests: { memory } } } : {}) }], ...(priority === undefined ? {} : { priority }) }, { metadata: { name, namespace: 'default', uid: name } } as never);

test('ranks: above the requests first, then the less important, then the most above', () => {
  const of = (name: string, total: number | undefined, memory?: string, priority?: number) => ({ name, pod: asking(name, memory, priority), use: total === undefined ? undefined : { total, containers: new Map() } });
  const order = (resource: 'memory' | 'pids', ...all: ReturnType<typeof of>[]) => ranked(all, resource).map(({ name }) => name);
  assert.deepEqual(order('memory', of('within', 90 * mi, '100Mi'), of('important', 500 * mi, undefined, 1000), of('much', 300 * mi, '100Mi'), of('more', 250 * mi), of('unknown', undefined, undefined, 5000)), ['unknown', 'more', 'much', 'important', 'within']);
  assert.deepEqual(order('memory', of('small', 10 * mi, '20Mi'), of('idle', 1 * mi, '100Mi'), of('low', 50 * mi, '100Mi', -1)), ['low', 'small', 'idle']);
  assert.deepEqual(order('pids', of('few', 3), of('many', 900), of('most', 5000, undefined, 10)), ['many', 'few', 'most']);
});

test('the message has the kubelet\'s words', () => {
  const [threshold] = parseEvictionPolicy({ evictionHard: 'memory.available<100Mi' }).thresholds;
  const one = { pod: asking('web', '64Mi'), use: { total: 200 * mi, containers: new Map([['app', 150_000 * 1024]]) } };
  assert.equal(evictionMessage(threshold!, { available: 50 * mi, capacity: 1000 * mi }, one), 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container app was using 150000Ki, request is 64Mi, has larger consumption of memory. ');
  const [inodes] = parseEvictionPolicy({ evictionHard: 'nodefs.inodesFree<5%' }).thresholds;
  assert.equal(evictionMessage(inodes!, { available: 7, capacity: 2000 }, { ...one, use: undefined }), 'The node was low on resource: inodes. Threshold quantity: 100, available: 7. ');
});

test('who comes while the node is under pressure', () => {
  const pressure = new NodePressure();
  const [best, burstable, critical] = [asking('best'), asking('burstable', '1Mi'), asking('critical', undefined, 2_000_001_000)];
  const tolerant = pod({ tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' }] });
  const taken = () => [best, burstable, critical, tolerant].map((one) => pressure.refusalOf(one)?.message);
  assert.deepEqual(taken(), [undefined, undefined, undefined, undefined]);
  pressure.set(new Set(['MemoryPressure']));
  assert.deepEqual(taken(), ['Pod was rejected: The node had condition: [MemoryPressure]. ', undefined, undefined, undefined]);
  pressure.set(new Set(['DiskPressure']));
  const refused = 'Pod was rejected: The node had condition: [DiskPressure]. ';
  assert.deepEqual(taken(), [refused, refused, undefined, refused]);
});

test('only volumes on disk with a limit are measured', () => {
  const one = pod({ volumes: [{ name: 'a', emptyDir: {} }, { name: 'b', emptyDir: { sizeLimit: '1Mi' } }, { name: 'c', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }, { name: 'd', configMap: { name: 'x' } }, { name: 'e', emptyDir: { sizeLimit: '0' } }] });
  assert.deepEqual(directoryLimits(one), [{ volume: 'b', bytes: mi, text: '1Mi' }]);
  assert.equal(overLocalLimit(one, { volumes: new Map([['a', 9 * mi], ['b', mi + 1]]), containers: new Map() }), 'Usage of EmptyDir volume "b" exceeds the limit "1Mi". ');
  assert.equal(overLocalLimit(one, { volumes: new Map([['a', 9 * mi], ['b', mi]]), containers: new Map() }), undefined);
  assert.deepEqual([directoryLimits(pod()), limitsContainers(pod())], [[], false]);
});

test('ephemeral-storage: a container beyond its limit, and a Pod beyond that of all', () => {
  const limited = (name: string, limit: string) => ({ name, resources: { limits: { 'ephemeral-storage': limit } } });
  const one = pod({ containers: [limited('a', '1Mi'), limited('b', '2Mi')] });
  const over = (a: number, b: number, volume = 0) => overLocalLimit(one, { volumes: new Map([['v', volume]]), containers: new Map([['a', a], ['b', b]]) });
  assert.equal(limitsContainers(one), true);
  assert.equal(over(mi, 2 * mi), undefined);
  assert.equal(over(mi + 1, 0), 'Container a exceeded its local ephemeral storage limit "1Mi". ');
  assert.equal(over(mi, mi, mi + 1), 'Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. ');
});

test('memory is bounded by the least of its limit, the Pod\'s and the node\'s', () => {
  const limited = pod({ containers: [{ name: 'app', resources: { limits: { memory: '4Ki' } } }] });
  assert.equal(memoryBytes(limited, '1Ki', 10_000), 1024);
  assert.equal(memoryBytes(limited, '9Ki', 10_000), 4096);
  assert.equal(memoryBytes(limited, undefined, 2000), 2000);
  assert.equal(memoryBytes(pod(), undefined, 10_000), 10_000);
});
