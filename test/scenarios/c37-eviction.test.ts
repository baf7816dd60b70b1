// C37 a node that runs short of memory, disk, inodes or processes evicts the Pod that is to blame, and no other. The node is a
// small one: its Pods have so much memory and so many processes together, and their volumes a disk of their own.
// C41 what was evicted is cleaned up with the handbook's command.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { totalmem, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { nodes } from '../../src/api/kinds/node.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import type { Container, Node, Pod, PodSpec } from '../../src/api/types.ts';
import { pod, waits } from '../support/manifests.ts';
import { runProgram, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

const mi = 2 ** 20;
const [memoryOfPods, processesOfPods] = [384 * mi, 400];
const mostProcesses = Math.min(...['pid_max', 'threads-max'].map((name) => Number(readFileSync(`/proc/sys/kernel/${name}`, 'utf8'))));
const kubectlPath = dirname(fileURLToPath(new URL('../../.cache/stock/bin/kubectl', import.meta.url)));

const handbook = String.raw`kubectl get pods --all-namespaces -ojson | jq -r '.items[] | select(.status.reason!=null) | select(.status.reason | contains("Evicted")) | .metadata.name + " " + .metadata.namespace' | xargs -n2 -l bash -c 'kubectl delete pods $0 --namespace=$1'`;

/** Each takes so much of one thing, and then keeps still. */
const eaters: Readonly<Record<string, string>> = {
  memory: `awk 'BEGIN { one = sprintf("%1048576s", ""); for (n = 0; n < 310; n++) all[n] = one n; print "full"; fflush(); system("sleep 3600") }'`,
  disk: 'dd if=/dev/zero of=/dir/file bs=1M count=72 2>/dev/null; echo full; sleep 3600',
  inodes: 'n=0; while [ $n -lt 1500 ]; do : > /dir/$n; n=$((n+1)); done; echo full; sleep 3600',
  processes: 'n=0; while [ $n -lt 280 ]; do sleep 3600 & n=$((n+1)); done; echo full; wait',
};
const words: Readonly<Record<string, RegExp>> = {
  memory: /^The node was low on resource: memory\. Threshold quantity: 100Mi, available: \d+Ki\. Container c0 was using \d+Ki, request is 0, has larger consumption of memory\. $/,
  disk: /^The node was low on resource: ephemeral-storage\. Threshold quantity: \d+, available: \d+[KM]i\. (Container c0 was using \d+Ki, request is 0, has larger consumption of ephemeral-storage\. )?$/,
  inodes: /^The node was low on resource: inodes\. Threshold quantity: \d+, available: \d+\. $/,
  processes: /^The node was low on resource: pids\. Threshold quantity: 150, available: \d+\. $/,
};

describe('C37 eviction', () => {
  let house: RealCluster;
  let dataDir: string;
  const disk = () => join(dataDir, 'node');
  const node = (condition: (node: Node) => boolean) => until(house.cluster, nodes, { namespace: '', name: house.cluster.nodeName }, (one) => one !== undefined && condition(one)) as Promise<Node>;
  const conditions = ({ status }: Node) => (status.conditions ?? []).filter(({ type, status: is }) => type.endsWith('Pressure') && is === 'True').map(({ type }) => type).sort();
  const taints = ({ spec }: Node) => (spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).sort();
  const create = async (...items: object[]) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  };
  const make = (name: string, command: readonly string[], spec: Partial<PodSpec> = {}, namespace = 'default', container: Partial<Container> = {}) => {
    const one = pod(name, [{ command: [...command], volumeMounts: [{ name: 'dir', mountPath: '/dir' }], ...container }], { terminationGracePeriodSeconds: 30, volumes: [{ name: 'dir', emptyDir: {} }], ...spec });
    return { ...one, metadata: { ...one.metadata, namespace } };
  };

  before(async () => {
    dataDir = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-'));
    mkdirSync(disk());
    execFileSync('truncate', ['-s', '112M', join(dataDir, 'disk')]);
    execFileSync('mkfs.ext4', ['-q', '-m', '0', '-N', '2048', join(dataDir, 'disk')]);
    execFileSync('mount', ['-o', 'loop', join(dataDir, 'disk'), disk()]);
    house = await startRealCluster({
      dataDir,
      systemReserved: `memory=${totalmem() - memoryOfPods},pid=${mostProcesses - processesOfPods}`,
      evictionHard: 'memory.available<100Mi,nodefs.available<35%,nodefs.inodesFree<35%,pid.available<150',
      evictionPressureTransitionPeriod: '4s',
    });
  });
  after(async () => {
    await house?.cluster.down();
    execFileSync('umount', [disk()]);
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('C37 the node tells what is left for Pods, and the kernel holds them to it', async () => {
    const { status } = await node(() => true);
    assert.equal(status.allocatable!['memory'], `${memoryOfPods / mi - 100}Mi`);
    const parent = JSON.parse(readFileSync(join(dataDir, 'cluster.json'), 'utf8')).cgroupParent as string;
    await create(make('steady', waits, {}, 'default', { resources: { requests: { memory: '64Mi' } } }), make('bystander', waits));
    await Promise.all(['steady', 'bystander'].map((name) => house.untilReady(name)));
    const limit = (controller: string, v1: string, v2: string) => {
      try {
        return Number(readFileSync(`/sys/fs/cgroup/${controller}${parent}/${v1}`, 'utf8'));
      } catch {
        return Number(readFileSync(`/sys/fs/cgroup${parent}/${v2}`, 'utf8'));
      }
    };
    assert.deepEqual([limit('memory', 'memory.limit_in_bytes', 'memory.max'), limit('pids', 'pids.max', 'pids.max')], [memoryOfPods, processesOfPods]);
  });

  test('C37 of many Pods, the one that eats memory, disk, inodes or processes goes; the others live', async () => {
    const before = await Promise.all(['steady', 'bystander'].map((name) => house.pod(name)));
    await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    for (const [name, script] of Object.entries(eaters)) {
      const namespace = name === 'disk' ? 'other' : 'default';
      await create(make(name, ['sh', '-c', script], {}, namespace));
      const evicted = (await until(house.cluster, pods, { namespace, name }, (one) => one?.status.phase === 'Failed')) as Pod;
      assert.equal(evicted.status.reason, 'Evicted', `${name}: ${JSON.stringify(evicted.status)}`);
      assert.match(evicted.status.message!, words[name]!);
      assert.ok(evicted.status.containerStatuses![0]!.state?.terminated, `${name} has ended`);
      assert.ok(evicted.status.conditions!.some(({ type, status, reason }) => type === 'DisruptionTarget' && status === 'True' && reason === 'TerminationByKubelet'));
      const [condition, taint] = name === 'memory' ? ['MemoryPressure', 'memory-pressure'] : name === 'processes' ? ['PIDPressure', 'pid-pressure'] : ['DiskPressure', 'disk-pressure'];
      const short = await node((one) => conditions(one).length > 0 && taints(one).length > 0);
      assert.deepEqual([conditions(short), taints(short)], [[condition], [`node.kubernetes.io/${taint}:NoSchedule`]]);
      if (name === 'memory') {
        // By the client: the pressure is over soon, and kubectl takes its time to begin.
        await house.cluster.client.create(pods, make('refused', waits, { nodeName: house.cluster.nodeName }) as never, AbortSignal.timeout(60_000));
        const refused = (await house.untilPod('refused', (one) => one?.status.phase === 'Failed'))!;
        assert.deepEqual([refused.status.reason, refused.status.message], ['Evicted', 'Pod was rejected: The node had condition: [MemoryPressure]. ']);
      }
      await node((one) => conditions(one).length === 0 && taints(one).length === 0);
    }
    const now = await Promise.all(['steady', 'bystander'].map((name) => house.pod(name)));
    assert.deepEqual(now.map(({ status }) => [status.phase, status.containerStatuses![0]!.restartCount, status.containerStatuses![0]!.containerID]), before.map(({ status }) => ['Running', 0, status.containerStatuses![0]!.containerID]));
    const told = await house.kubectl('get', 'events', '-A', '-o', 'jsonpath={range .items[*]}{.involvedObject.name} {.reason}{"\\n"}{end}');
    for (const name of Object.keys(eaters)) assert.match(told, new RegExp(`^${name} Evicted$`, 'm'));
    assert.match(told, new RegExp(`^${house.cluster.nodeName} EvictionThresholdMet$`, 'm'));
  });

  test('C41 the handbook\'s command deletes what was evicted, and nothing else', async () => {
    assert.equal((await house.kubectl('get', 'pods', '-A', '--no-headers', '--field-selector=status.phase=Failed')).trim().split('\n').length, 5);
    const ran = await runProgram('bash', ['-c', handbook], { KUBECONFIG: house.cluster.kubeconfig, KUBECACHEDIR: `${house.cluster.kubeconfig}.cache`, HOME: `${house.cluster.kubeconfig}.home`, PATH: `${kubectlPath}:${process.env['PATH']}` });
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(ran.stdout.trim().split('\n').map((line) => line.replace(/ from .* namespace$/, '')).sort(), ['disk', 'inodes', 'memory', 'processes', 'refused'].map((name) => `pod "${name}" deleted`));
    assert.deepEqual((await house.kubectl('get', 'pods', '-A', '-o', 'name')).trim().split('\n').sort(), ['pod/bystander', 'pod/steady']);
  });
});
