// C39, C40 on real containers and two nodes: a DaemonSet with its rolling update; a StatefulSet whose Pods keep their volumes; a CronJob at
// its minute; a Deployment that is scaled by what its processes burn, up and down. What takes its time begins at once and is looked at last.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cronJobs, daemonSets, deployments, horizontalPodAutoscalers, jobs, persistentVolumeClaims, persistentVolumes, pods, statefulSets } from '../../src/api/kinds/index.ts';
import type { CronJob, DaemonSet, HorizontalPodAutoscaler, Pod, StatefulSet } from '../../src/api/types.ts';
import { addMachine, joinNode, type JoinedNode, type OtherMachine } from '../support/joined-node.ts';
import { busybox, waits } from '../support/manifests.ts';
import { eventually, isReady, mainProcess, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

const never = new AbortController().signal;
const quick = { terminationGracePeriodSeconds: 1 };
const key = (name: string) => ({ namespace: 'default', name });

describe('C39, C40 sets and scaling', () => {
  let house: RealCluster;
  let machine: OtherMachine;
  let beta: JoinedNode;
  let shared: string;
  const load = () => join(shared, 'load');

  async function apply(...items: object[]): Promise<void> {
    const ran = await house.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(ran.code, 0, ran.stderr);
  }
  const podsOf = async (app: string): Promise<readonly Pod[]> => (await house.cluster.client.list(pods, { namespace: 'default', labelSelector: `app=${app}` }, never)).items;
  /** A process that has just been started may not be the container's program yet. */
  const runsVersion = (pid: number, version: string) => eventually(`process ${pid} to be of version ${version}`, () => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`VERSION=${version}\0`));
  const dataDirOf = (pod: Pod) => (pod.spec.nodeName === 'beta' ? beta.dataDir : house.dataDir);

  before(async () => {
    machine = addMachine();
    shared = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-shared-'));
    house = await startRealCluster({ host: machine.here, nodeName: 'alpha' });
    beta = await joinNode(house, 'beta', machine);
    writeFileSync(load(), '');
    // It burns what it may for as long as the file is there.
    const command = ['sh', '-c', 'trap "exit 0" TERM; while true; do if [ -e /shared/load ]; then i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; else sleep 1; fi; done'];
    const burner = { name: 'main', image: busybox, command, resources: { requests: { cpu: '100m' }, limits: { cpu: '200m' } }, volumeMounts: [{ name: 'shared', mountPath: '/shared' }] };
    await apply(
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'burner' }, spec: { replicas: 1, selector: { matchLabels: { app: 'burner' } }, template: { metadata: { labels: { app: 'burner' } }, spec: { ...quick, containers: [burner], volumes: [{ name: 'shared', hostPath: { path: shared } }] } } } },
      { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'burner' }, spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'burner' }, minReplicas: 1, maxReplicas: 2, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 25 } } }], behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } } },
      { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'minutely' }, spec: { schedule: '* * * * *', jobTemplate: { spec: { template: { spec: { ...quick, restartPolicy: 'Never', containers: [{ name: 'main', image: busybox, command: ['sh', '-c', 'echo it is time'] }] } } } } } },
    );
  });
  after(async () => {
    await beta?.leave();
    await house?.[Symbol.asyncDispose]();
    machine?.remove();
    rmSync(shared, { recursive: true, force: true });
  });

  test('C39 a DaemonSet has a process on each node, is updated one node at a time, and goes back', async () => {
    const set = (version: string) => ({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' }, spec: { selector: { matchLabels: { app: 'agent' } }, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } }, template: { metadata: { labels: { app: 'agent' } }, spec: { ...quick, containers: [{ name: 'main', image: busybox, command: waits, env: [{ name: 'VERSION', value: version }] }] } } } });
    const settled = (one: DaemonSet | undefined) => one?.status.numberAvailable === 2 && one.status.updatedNumberScheduled === 2 && one.status.observedGeneration === one.metadata.generation;
    await apply(set('1'));
    await until(house.cluster, daemonSets, key('agent'), settled);
    const first = await podsOf('agent');
    assert.deepEqual(first.map(({ spec }) => spec.nodeName).sort(), ['alpha', 'beta']);
    const processes = first.map((pod) => mainProcess(dataDirOf(pod), pod, 'main'));
    for (const pid of processes) await runsVersion(pid, '1');

    let fewest = 2;
    const watching = new AbortController();
    const ready = new Map(first.map((pod) => [pod.metadata.uid, true]));
    const { metadata: { resourceVersion } } = await house.cluster.client.list(pods, { namespace: 'default', labelSelector: 'app=agent' }, never);
    const watched = (async () => {
      for await (const event of house.cluster.client.watch(pods, { namespace: 'default', labelSelector: 'app=agent', resourceVersion }, watching.signal)) {
        if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') continue;
        ready.set(event.object.metadata.uid, event.type !== 'DELETED' && isReady(event.object) && !event.object.metadata.deletionTimestamp);
        fewest = Math.min(fewest, [...ready.values()].filter(Boolean).length);
      }
    })().catch(() => {});
    await apply(set('2'));
    assert.match(await house.kubectl('rollout', 'status', 'daemonset/agent', '--timeout=60s'), /successfully rolled out/);
    watching.abort();
    await watched;
    assert.equal(fewest, 1, 'never both nodes at once');
    const second = await podsOf('agent');
    assert.equal(second.length, 2);
    for (const pod of second) await runsVersion(mainProcess(dataDirOf(pod), pod, 'main'), '2');
    for (const pid of processes) assert.ok(!existsSync(`/proc/${pid}`));

    assert.match(await house.kubectl('rollout', 'history', 'daemonset/agent'), /\n1 [^\n]*\n2 /);
    await house.kubectl('rollout', 'undo', 'daemonset/agent');
    await until(house.cluster, daemonSets, key('agent'), (one) => settled(one) && one!.spec.template.spec!.containers[0]!.env![0]!.value === '1');
    assert.match(await house.kubectl('get', 'daemonset', 'agent', '--no-headers'), /^agent +2 +2 +2 +2 +2 /);
    await house.kubectl('delete', 'daemonset', 'agent', '--wait=true', '--timeout=30s');
    await eventually('its Pods to be gone', async () => (await podsOf('agent')).length === 0);
  });

  test('C39 a StatefulSet: each Pod finds its own volume again, after its end and after an update; a scale down takes it away', async () => {
    const command = ['sh', '-c', 'hostname >> /data/who; trap "exit 0" TERM; sleep 3600 & wait $!'];
    const set = (version: string, replicas: number) => ({
      apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'store' },
      spec: {
        replicas, serviceName: 'store', selector: { matchLabels: { app: 'store' } }, persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
        template: { metadata: { labels: { app: 'store' } }, spec: { ...quick, containers: [{ name: 'main', image: busybox, command, env: [{ name: 'VERSION', value: version }], volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } } }],
      },
    });
    const whole = (replicas: number) => (one: StatefulSet | undefined) => one?.status.availableReplicas === replicas && one.status.replicas === replicas && one.status.updatedReplicas === replicas && one.status.observedGeneration === one.metadata.generation;
    const who = async (pod: string) => (await house.kubectl('exec', pod, '--', 'cat', '/data/who')).trim().split('\n');
    await apply(set('1', 2));
    await until(house.cluster, statefulSets, key('store'), whole(2));
    const { metadata: { uid }, spec: { nodeName } } = await house.pod('store-1');
    await house.kubectl('delete', 'pod', 'store-1');
    const again = await house.untilPod('store-1', (pod) => isReady(pod) && pod!.metadata.uid !== uid);
    assert.equal(again!.spec.nodeName, nodeName, 'where its volume is');
    assert.deepEqual(await who('store-1'), ['store-1', 'store-1']);
    await apply(set('2', 2));
    await until(house.cluster, statefulSets, key('store'), (one) => whole(2)(one) && one!.status.currentRevision === one!.status.updateRevision);
    assert.deepEqual([await who('store-0'), await who('store-1')], [['store-0', 'store-0'], ['store-1', 'store-1', 'store-1']]);
    const claim = await house.cluster.client.get(persistentVolumeClaims, key('data-store-1'), never);
    await apply(set('2', 1));
    await until(house.cluster, persistentVolumeClaims, key('data-store-1'), (one) => one === undefined);
    await until(house.cluster, persistentVolumes, { namespace: '', name: claim.spec.volumeName! }, (one) => one === undefined);
    await house.kubectl('delete', 'statefulset', 'store', '--wait=true', '--timeout=30s');
    await house.untilGone('store-0');
    assert.match(await house.kubectl('get', 'pvc', '--no-headers'), /^data-store-0 +Bound /);
    assert.equal((await house.kubectl('get', 'pvc', '--no-headers')).trim().split('\n').length, 1);
    await house.kubectl('delete', 'pvc', 'data-store-0');
  });

  test('C40 a HorizontalPodAutoscaler follows what its processes burn, up and down', async () => {
    const scaled = (count: number) => (one: HorizontalPodAutoscaler | undefined) => one?.status.desiredReplicas === count && one.status.currentReplicas === count;
    const up = await until(house.cluster, horizontalPodAutoscalers, key('burner'), scaled(2));
    assert.ok(up!.status.currentMetrics![0]!.resource!.current.averageUtilization! > 0);
    await until(house.cluster, deployments, key('burner'), (one) => one?.status.readyReplicas === 2);
    const processes = (await podsOf('burner')).map((pod) => mainProcess(dataDirOf(pod), pod, 'main'));
    assert.equal(processes.length, 2);
    rmSync(load());
    await until(house.cluster, horizontalPodAutoscalers, key('burner'), scaled(1));
    await until(house.cluster, deployments, key('burner'), (one) => one?.status.replicas === 1);
    await eventually('one process to end', () => processes.filter((pid) => existsSync(`/proc/${pid}`)).length === 1);
    assert.match(await house.kubectl('describe', 'hpa', 'burner'), /SuccessfulRescale .*New size: 2; reason: cpu resource utilization \(percentage of request\) above target[^]*SuccessfulRescale .*New size: 1; reason: All metrics below target/);
  });

  test('C39 a CronJob has made its Job at the minute, once', async () => {
    const ran = await until(house.cluster, cronJobs, key('minutely'), (one: CronJob | undefined) => one?.status.lastSuccessfulTime !== undefined);
    await house.kubectl('patch', 'cronjob', 'minutely', '-p', '{"spec":{"suspend":true}}');
    const made = (await house.cluster.client.list(jobs, { namespace: 'default' }, never)).items;
    const minutes = made.map(({ metadata }) => Number(metadata.name.slice('minutely-'.length)));
    assert.deepEqual(minutes, [...new Set(minutes)]);
    assert.ok(minutes.includes(Date.parse(ran!.status.lastScheduleTime!) / 60_000));
    assert.match(await house.kubectl('logs', `job/${made[0]!.metadata.name}`), /^it is time$/m);
    assert.match(await house.kubectl('get', 'cronjob', 'minutely', '--no-headers'), /^minutely +\* \* \* \* \* +<none> +True /);
    await house.kubectl('delete', 'cronjob', 'minutely', '--wait=true');
    await eventually('its Jobs to be gone with it', async () => (await house.cluster.client.list(jobs, { namespace: 'default' }, never)).items.length === 0);
  });
});
