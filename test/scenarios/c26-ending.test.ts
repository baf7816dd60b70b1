// C26 to C32: how a Pod ends, as kubectl and the API show it. The steps of an ending and their times: c26-seven-steps.test.ts.
import assert from 'node:assert/strict';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { endpointSlices } from '../../src/api/kinds/endpoint-slice.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { eventually, mainProcess, startRealCluster, type RealCluster } from '../support/real-cluster.ts';
import { pod, stubborn } from '../support/manifests.ts';

describe('C26–C32 the end of a Pod', () => {
  let house: RealCluster;
  let notes: string;
  const create = async (manifest: object) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(manifest) });
    assert.equal(made.code, 0, made.stderr);
  };
  const notesVolume = () => [{ name: 'notes', hostPath: { path: notes } }];
  const notesMount = { volumeMounts: [{ name: 'notes', mountPath: '/notes' }] };
  /** Each line: seconds since the epoch, and a word. */
  const noted = (name: string) =>
    existsSync(join(notes, name)) ? readFileSync(join(notes, name), 'utf8').trim().split('\n').map((line) => ({ at: Number(line.split(' ')[0]), what: line.split(' ')[1]! })) : [];
  const note = (name: string, what: string) => `echo $(date +%s) ${what} >> /notes/${name}`;
  const alive = (pid: number) => existsSync(`/proc/${pid}`);

  before(async () => {
    house = await startRealCluster();
    notes = mkdtempSync(join(tmpdir(), 'peapod-notes-'));
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    rmSync(notes, { recursive: true, force: true });
  });

  test('C26, C27, C31 preStop first, then SIGTERM; the object shows Terminating, then it is gone with its cgroups and volumes', async () => {
    const name = 'orderly';
    await create(pod(name, [{
      command: ['sh', '-c', `trap '${note(name, 'TERM')}; exit 0' TERM; while true; do sleep 1 & wait $!; done`],
      lifecycle: { preStop: { exec: { command: ['sh', '-c', `${note(name, 'hook')}; sleep 2; ${note(name, 'hooked')}`] } } },
      ...notesMount,
    }], { volumes: [...notesVolume(), { name: 'mine', emptyDir: {} }] }));
    const { metadata } = await house.untilReady(name);
    await house.kubectl('delete', 'pod', name, '--wait=false');
    assert.equal((await house.pod(name)).metadata.deletionGracePeriodSeconds, 30);
    await house.untilGone(name);
    assert.deepEqual(noted(name).map((line) => line.what), ['hook', 'hooked', 'TERM']);
    assert.ok(!existsSync(join(house.dataDir, 'node', 'pods', metadata.uid)));
    assert.deepEqual(globSync(`/sys/fs/cgroup/{*/,}peapod-*/**/pod${metadata.uid}`), []);
  });

  test('C29 it leaves the endpoints at once, and a ReplicationController replaces it while it still ends', async () => {
    const labels = { app: 'replaced' };
    const template = pod('x', [{ command: stubborn }], { terminationGracePeriodSeconds: 6 });
    await create({ apiVersion: 'v1', kind: 'List', items: [
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'replaced' }, spec: { selector: labels, ports: [{ port: 80 }] } },
      { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'replaced' }, spec: { replicas: 1, selector: labels, template: { metadata: { labels }, spec: template.spec } } },
    ] });
    const only = async () => (await house.cluster.client.list(pods, { namespace: 'default', labelSelector: 'app=replaced' }, AbortSignal.timeout(60_000))).items;
    await eventually('one replica', async () => (await only()).length === 1);
    const first = (await only())[0]!.metadata.name;
    await house.untilReady(first);
    await house.kubectl('delete', 'pod', first, '--wait=false');
    await eventually('a second Pod beside the ending one', async () => (await only()).length === 2);
    const slices = async () => (await house.cluster.client.list(endpointSlices, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=replaced' }, AbortSignal.timeout(60_000))).items.flatMap((slice) => slice.endpoints ?? []);
    await eventually('the endpoint to be terminating', async () => (await slices()).some((endpoint) => endpoint.targetRef?.name === first && endpoint.conditions?.terminating === true && endpoint.conditions.ready === false && endpoint.conditions.serving === true));
    await house.untilGone(first);
    await house.kubectl('delete', 'rc', 'replaced', '--cascade=foreground');
    await house.kubectl('delete', 'service', 'replaced');
  });

  test('C32 a second delete shortens the grace, and never lengthens it', async () => {
    await create(pod('shortened', [{ command: stubborn }], { terminationGracePeriodSeconds: 600 }));
    await house.untilReady('shortened');
    await house.kubectl('delete', 'pod', 'shortened', '--wait=false');
    await house.kubectl('delete', 'pod', 'shortened', '--wait=false', '--grace-period=8');
    assert.equal((await house.pod('shortened')).metadata.deletionGracePeriodSeconds, 8);
    await house.kubectl('delete', 'pod', 'shortened', '--wait=false', '--grace-period=300');
    assert.equal((await house.pod('shortened')).metadata.deletionGracePeriodSeconds, 8);
    await house.untilGone('shortened');
  });

  test('C32 --grace-period=0 without --force is one second', async () => {
    await create(pod('hurried', [{ command: stubborn }], { terminationGracePeriodSeconds: 600 }));
    const main = mainProcess(house.dataDir, await house.untilReady('hurried'), 'c0');
    // Seen by who watched before: it is soon gone.
    const ending = house.untilPod('hurried', (now) => now === undefined || now.metadata.deletionTimestamp !== undefined);
    await house.kubectl('delete', 'pod', 'hurried', '--grace-period=0', '--wait=false');
    assert.equal((await ending)?.metadata.deletionGracePeriodSeconds, 1);
    await house.untilGone('hurried');
    assert.ok(!alive(main));
  });

  test('C32 --grace-period=0 --force removes the object at once, and the node still ends the processes', async () => {
    await create(pod('forced', [{ command: stubborn }], { terminationGracePeriodSeconds: 600 }));
    const main = mainProcess(house.dataDir, await house.untilReady('forced'), 'c0');
    await house.kubectl('delete', 'pod', 'forced', '--grace-period=0', '--force');
    assert.match((await house.tryKubectl(['get', 'pod', 'forced'])).stderr, /NotFound/);
    await eventually('its process to end', () => !alive(main));
  });

  test('C26 a Pod that is bound to no node is gone at once', async () => {
    await create(pod('nowhere', [{}], { nodeSelector: { no: 'such-node' } }));
    await house.untilPod('nowhere', (now) => now?.status.conditions?.some((condition) => condition.reason === 'Unschedulable') ?? false);
    await house.kubectl('delete', 'pod', 'nowhere', '--wait=false');
    assert.match((await house.tryKubectl(['get', 'pod', 'nowhere'])).stderr, /NotFound/);
  });

  test('C26 a finalizer holds the object after its processes are gone', async () => {
    await create({ ...pod('held', [{}]), metadata: { name: 'held', finalizers: ['example.com/hold'] } });
    const main = mainProcess(house.dataDir, await house.untilReady('held'), 'c0');
    await house.kubectl('delete', 'pod', 'held', '--wait=false');
    await eventually('its process to end', () => !alive(main));
    assert.ok((await house.pod('held')).metadata.deletionTimestamp);
    await house.kubectl('patch', 'pod', 'held', '--type=json', '-p', '[{"op":"remove","path":"/metadata/finalizers"}]');
    await house.untilGone('held');
  });
});
