// Claims on several nodes: the scheduler, the controllers, and each node's own provisioner, with its own identity.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isReason } from '../../src/api/error.ts';
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../../src/api/kinds/index.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Client } from '../../src/client/client.ts';
import { createLocalVolumes } from '../../src/node/local-volumes/local-volumes.ts';
import { identities } from '../../src/server/auth/authorize.ts';
import { clock, podOf, pods, startControlCluster, type ControlCluster } from './control-cluster.ts';

const claim = (name: string, storageClassName: string) => ({ metadata: { name, namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName } });
const uses = (name: string, claims: readonly string[], more: object = {}) =>
  podOf(name, { containers: [{ name: 'main', image: 'x' }], volumes: claims.map((claimName, index) => ({ name: `v${index}`, persistentVolumeClaim: { claimName } })), ...more });
const classOf = (name: string, provisioner: string) => ({ metadata: { name }, provisioner, volumeBindingMode: 'WaitForFirstConsumer', reclaimPolicy: 'Delete' });
const on = (nodeName: string) => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] }] }] } });
const volume = (name: string, nodeName: string) => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, storageClassName: 'disks', persistentVolumeReclaimPolicy: 'Retain', local: { path: '/disk' }, nodeAffinity: on(nodeName) },
});
const nodeOf = (cluster: ControlCluster, name: string) => cluster.until(`${name} to have a node`, () => cluster.informers.of(pods).get({ namespace: 'default', name })?.spec.nodeName);
const why = (cluster: ControlCluster, name: string, words: RegExp) =>
  cluster.until(`${name} to say ${words}`, () => words.test(cluster.informers.of(pods).get({ namespace: 'default', name })?.status.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? ''));

test('C20 each node makes and deletes its own volumes', async () => {
  const root = mkdtempSync(join(tmpdir(), 'peapod-local-'));
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  try {
    await using cluster = await startControlCluster();
    for (const name of ['a', 'b']) {
      await cluster.addNode(name);
      const client = new Client(cluster.server.transport(identities.node(name)));
      running.push(createLocalVolumes({ nodeName: name, client, clock, random: systemRandom, log: silentLog, root: join(root, name) }).run(stop.signal));
    }
    await cluster.client.create(storageClasses, classOf('local', 'peapod.dev/local-path'), cluster.signal);
    await cluster.client.create(persistentVolumeClaims, claim('data', 'local') as never, cluster.signal);
    await cluster.client.create(pods, uses('web', ['data'], { nodeSelector: { 'kubernetes.io/hostname': 'b' } }), cluster.signal);
    assert.equal(await nodeOf(cluster, 'web'), 'b');
    assert.deepEqual([existsSync(join(root, 'a')), readdirSync(join(root, 'b')).length], [false, 1]);
    // The next Pod of the claim must be where its data is.
    await cluster.client.create(pods, uses('next', ['data']), cluster.signal);
    assert.equal(await nodeOf(cluster, 'next'), 'b');
    await cluster.client.create(pods, uses('astray', ['data'], { nodeSelector: { 'kubernetes.io/hostname': 'a' } }), cluster.signal);
    await why(cluster, 'astray', /^0\/2 nodes are available: 1 node\(s\) didn't match Pod's node affinity\/selector, 1 node\(s\) had volume node affinity conflict\./);

    for (const name of ['web', 'next', 'astray']) await cluster.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 }, cluster.signal);
    await cluster.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'data' }, {}, cluster.signal);
    await cluster.until('the volume to go', () => cluster.informers.of(persistentVolumes).list().length === 0);
    assert.deepEqual(readdirSync(join(root, 'b')), []);
  } finally {
    stop.abort();
    await Promise.all(running);
    rmSync(root, { recursive: true, force: true });
  }
});

test('C25 volumes of people lead their Pods to their nodes, and a Pod without one waits for it', async () => {
  await using cluster = await startControlCluster();
  for (const name of ['a', 'b']) await cluster.addNode(name);
  await cluster.client.create(storageClasses, classOf('disks', 'kubernetes.io/no-provisioner'), cluster.signal);
  for (const name of ['a', 'b']) await cluster.client.create(persistentVolumes, volume(`disk-${name}`, name) as never, cluster.signal);
  await cluster.until('the volumes to be free', () => cluster.informers.of(persistentVolumes).list().filter(({ status }) => status.phase === 'Available').length === 2);
  // All at once: no volume may be promised twice.
  for (const name of ['one', 'two', 'three']) await cluster.client.create(persistentVolumeClaims, claim(name, 'disks') as never, cluster.signal);
  await Promise.all(['one', 'two', 'three'].map((name) => cluster.client.create(pods, uses(name, [name]), cluster.signal)));
  const placed = () => cluster.informers.of(pods).list('default').filter(({ spec }) => spec.nodeName);
  await cluster.until('two Pods to be placed', () => placed().length === 2);
  for (const { metadata, spec } of placed()) {
    const bound = cluster.informers.of(persistentVolumeClaims).get({ namespace: 'default', name: metadata.name })!;
    assert.equal(bound.spec.volumeName, `disk-${spec.nodeName}`);
  }
  const third = ['one', 'two', 'three'].find((name) => !placed().some(({ metadata }) => metadata.name === name))!;
  await why(cluster, third, /^0\/2 nodes are available: 2 node\(s\) didn't find available persistent volumes to bind\./);
  await cluster.client.create(persistentVolumes, volume('disk-more', 'a') as never, cluster.signal);
  assert.equal(await nodeOf(cluster, third), 'a');
});

test('C25 Pods that share a claim without a volume come to one node', async () => {
  await using cluster = await startControlCluster();
  for (const name of ['a', 'b', 'c', 'd']) await cluster.addNode(name);
  await cluster.client.create(storageClasses, classOf('elsewhere', 'maker/x'), cluster.signal);
  await cluster.client.create(persistentVolumeClaims, claim('shared', 'elsewhere') as never, cluster.signal);
  await Promise.all(Array.from({ length: 6 }, (_, n) => cluster.client.create(pods, uses(`p${n}`, ['shared']), cluster.signal)));
  const marked = await cluster.until('the claim to be for a node', () => cluster.informers.of(persistentVolumeClaims).get({ namespace: 'default', name: 'shared' })?.metadata.annotations?.['volume.kubernetes.io/selected-node']);
  const { metadata } = cluster.informers.of(persistentVolumeClaims).get({ namespace: 'default', name: 'shared' })!;
  await cluster.until('the provisioner to be asked', () => cluster.informers.of(persistentVolumeClaims).get({ namespace: 'default', name: 'shared' })?.metadata.annotations?.['volume.kubernetes.io/storage-provisioner'] === 'maker/x');
  // The maker's part, played.
  await cluster.client.create(persistentVolumes, { metadata: { name: 'made', annotations: { 'pv.kubernetes.io/provisioned-by': 'maker/x' } }, spec: { ...volume('made', marked).spec, storageClassName: 'elsewhere', claimRef: { namespace: 'default', name: 'shared', uid: metadata.uid } } } as never, cluster.signal);
  await cluster.until('all to be placed', () => cluster.informers.of(pods).list('default').filter(({ spec }) => spec.nodeName).length === 6);
  assert.deepEqual([...new Set(cluster.informers.of(pods).list('default').map(({ spec }) => spec.nodeName))], [marked]);
});

test('C25 a Pod that is deleted while its volume is made holds up nobody', async () => {
  await using cluster = await startControlCluster();
  await cluster.addNode('a');
  await cluster.client.create(storageClasses, classOf('never', 'maker/x'), cluster.signal);
  await cluster.client.create(persistentVolumeClaims, claim('late', 'never') as never, cluster.signal);
  await cluster.client.create(pods, uses('waits', ['late']), cluster.signal);
  await cluster.until('the claim to be for the node', () => cluster.informers.of(persistentVolumeClaims).get({ namespace: 'default', name: 'late' })?.metadata.annotations?.['volume.kubernetes.io/selected-node'] === 'a');
  await cluster.client.create(pods, uses('plain', []), cluster.signal);
  assert.equal(await nodeOf(cluster, 'plain'), 'a');
  await cluster.client.delete(pods, { namespace: 'default', name: 'waits' }, {}, cluster.signal);
  await cluster.until('it to go', () => !cluster.informers.of(pods).get({ namespace: 'default', name: 'waits' }));
  await assert.rejects(cluster.client.get(pods, { namespace: 'default', name: 'waits' }, cluster.signal), (error) => isReason(error, 'NotFound'));
});

test('C25 a Pod whose claim is missing says so, and goes once it is there and bound', async () => {
  await using cluster = await startControlCluster();
  await cluster.addNode('a');
  await cluster.client.create(pods, uses('early', ['later']), cluster.signal);
  await why(cluster, 'early', /^0\/1 nodes are available: persistentvolumeclaim "later" not found\. .*preemption: 0\/1 nodes are available: 1 Preemption is not helpful for scheduling\.$/);
  await cluster.client.create(persistentVolumeClaims, claim('later', 'at-once') as never, cluster.signal);
  await why(cluster, 'early', /^0\/1 nodes are available: pod has unbound immediate PersistentVolumeClaims\./);
  await cluster.client.create(persistentVolumes, { ...volume('late', 'a'), spec: { ...volume('late', 'a').spec, storageClassName: 'at-once' } } as never, cluster.signal);
  assert.equal(await nodeOf(cluster, 'early'), 'a');
});
