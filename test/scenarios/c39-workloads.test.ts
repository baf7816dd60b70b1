// C39: workloads on real containers, watched with stock kubectl: a StatefulSet whose Pods find each other by name, its
// rollout and the way back; a Job that comes to its end; a Job made from a CronJob.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { mainProcess, startRealCluster, type RealCluster } from '../support/real-cluster.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { busybox, waits } from '../support/manifests.ts';

const image = busybox;
const stateful = (version: string) => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db' },
  spec: { replicas: 2, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template: { metadata: { labels: { app: 'db' } }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image, command: waits, env: [{ name: 'VERSION', value: version }] }] } } },
});
const headless = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'db' }, spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: 80 }] } };
const work = (command: string) => ({ template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image, command: ['sh', '-c', command] }] } } });

describe('C39 workloads', () => {
  let house: RealCluster;
  before(async () => void (house = await startRealCluster()));
  after(() => house?.[Symbol.asyncDispose]());

  async function apply(...objects: object[]): Promise<void> {
    const ran = await house.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) });
    assert.equal(ran.code, 0, ran.stderr);
  }
  /** As their processes have it. */
  const versions = async () => (await Promise.all(['db-0', 'db-1'].map(async (name) => (await house.kubectl('exec', name, '--', 'sh', '-c', 'echo $VERSION')).trim()))).join(' ');

  test('C39 a StatefulSet: stable names over DNS, rollout status, history and undo', async () => {
    await apply(headless, stateful('1'));
    assert.match(await house.kubectl('rollout', 'status', 'statefulset/db', '--timeout=60s'), /rolling update complete|roll out complete/);
    assert.equal((await house.kubectl('exec', 'db-1', '--', 'hostname', '-f')).trim(), 'db-1.db.default.svc.cluster.local');
    const address = (await house.kubectl('get', 'pod', 'db-1', '-o', 'jsonpath={.status.podIP}')).trim();
    const answer = await house.kubectl('exec', 'db-0', '--', 'sh', '-c', 'for i in 1 2 3 4 5; do nslookup db-1.db.default.svc.cluster.local && exit; sleep 1; done');
    assert.ok(answer.includes(address), answer);
    await apply(stateful('2'));
    await house.kubectl('rollout', 'status', 'statefulset/db', '--timeout=60s');
    assert.equal(await versions(), '2 2');
    assert.match(await house.kubectl('rollout', 'history', 'statefulset/db'), /\n1 [^\n]*\n2 /);
    await house.kubectl('rollout', 'undo', 'statefulset/db');
    await house.kubectl('rollout', 'status', 'statefulset/db', '--timeout=60s');
    assert.equal(await versions(), '1 1');
    assert.match(await house.kubectl('get', 'statefulset', 'db'), /^NAME +READY +AGE\ndb +2\/2 /);
  });

  test('C39 an Indexed Job to its end, and one made from a CronJob', async () => {
    await apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'sum' }, spec: { completions: 3, parallelism: 3, completionMode: 'Indexed', ...work('echo index $JOB_COMPLETION_INDEX on $(hostname)') } });
    await house.kubectl('wait', '--for=condition=complete', 'job/sum', '--timeout=60s');
    const logs = await house.kubectl('logs', '-l', 'job-name=sum', '--tail=-1');
    assert.deepEqual(logs.trim().split('\n').sort(), ['index 0 on sum-0', 'index 1 on sum-1', 'index 2 on sum-2']);
    assert.match(await house.kubectl('get', 'job', 'sum'), /^NAME +STATUS +COMPLETIONS +DURATION +AGE\nsum +Complete +3\/3 /);
    await apply({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'nightly' }, spec: { schedule: '0 3 * * *', timeZone: 'Europe/Berlin', jobTemplate: { spec: work('echo done') } } });
    await house.kubectl('create', 'job', '--from=cronjob/nightly', 'now');
    await house.kubectl('wait', '--for=condition=complete', 'job/now', '--timeout=60s');
    assert.equal((await house.kubectl('logs', 'job/now')).trim(), 'done');
    const { items } = await house.cluster.client.list(pods, { namespace: 'default', labelSelector: 'app=db' }, AbortSignal.timeout(10_000));
    const processes = items.map((pod) => mainProcess(house.dataDir, pod, 'main'));
    assert.ok(processes.length === 2 && processes.every((pid) => existsSync(`/proc/${pid}`)));
    await house.kubectl('delete', 'job/sum', 'cronjob/nightly', 'statefulset/db', '--wait=true', '--timeout=90s');
    await Promise.all(['db-0', 'db-1'].map((name) => house.untilGone(name)));
    assert.ok(processes.every((pid) => !existsSync(`/proc/${pid}`)));
  });
});
