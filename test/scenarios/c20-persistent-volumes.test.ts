// C20 claims and volumes: made where the Pod is, bound as asked, kept while used, and gone as their policy says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { persistentVolumeClaims, persistentVolumes } from '../../src/api/kinds/index.ts';
import type { Container, PodSpec } from '../../src/api/types.ts';
import { pod, waits } from '../support/manifests.ts';
import { eventually, example, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

const mounts = (...names: string[]) => ({ volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })) });
const withClaim = (name: string, claimName: string, container: Partial<Container> = {}, spec: Partial<PodSpec> = {}) =>
  pod(name, [{ command: waits, ...mounts('data'), ...container }], { terminationGracePeriodSeconds: 1, volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }], ...spec });
const claim = (name: string, storage: string, more: object = {}) => ({
  apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...more },
});
const volume = (name: string, storage: string, more: object) => ({
  apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name }, spec: { accessModes: ['ReadWriteOnce'], capacity: { storage }, storageClassName: 'manual', ...more },
});
const manual = { storageClassName: 'manual' };

describe('C20 persistent volumes', () => {
  let house: RealCluster;
  let outside: string;
  let loop: string | undefined;
  const create = async (...items: object[]) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  };
  const shell = async (name: string, script: string) => (await house.kubectl('exec', name, '--', 'sh', '-c', script)).trim();
  const untilClaim = (name: string, phase: string | undefined) => until(house.cluster, persistentVolumeClaims, { namespace: 'default', name }, (now) => now?.status.phase === phase);
  const untilVolume = (name: string, phase: string | undefined) => until(house.cluster, persistentVolumes, { namespace: '', name }, (now) => now?.status.phase === phase);
  const describes = (what: string, name: string, words: RegExp) => eventually(`${name} to tell ${words}`, async () => words.test(await house.kubectl('describe', what, name)));
  const localDirectories = () => readdirSync(join(house.dataDir, 'node', 'local-volumes'));

  before(async () => {
    house = await startRealCluster();
    outside = mkdtempSync(join(tmpdir(), 'peapod-claims-'));
    for (const name of ['kept', 'named', 'grouped']) mkdirSync(join(outside, name));
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    if (loop) execFileSync('losetup', ['--detach', loop]);
    rmSync(outside, { recursive: true, force: true });
  });

  test('a claim waits for its first Pod, gets a directory of that Pod\'s node, and keeps its data when the Pod goes', async () => {
    assert.match(await house.kubectl('get', 'sc'), /^standard \(default\) +peapod.dev\/local-path +Delete +WaitForFirstConsumer +false +/m);
    await create(claim('data', '1Gi'));
    await describes('pvc', 'data', /Normal +WaitForFirstConsumer .* persistentvolume-controller +waiting for first consumer to be created before binding/);
    assert.match(await house.kubectl('get', 'pvc', 'data'), /^data +Pending +standard +<unset> +/m);

    await create(withClaim('first', 'data', { command: ['sh', '-c', 'echo kept > /data/file; exec sleep 3600'] }));
    await house.untilReady('first');
    const { spec } = (await untilClaim('data', 'Bound'))!;
    const bound = (await untilVolume(spec.volumeName!, 'Bound'))!;
    assert.equal(spec.volumeName, `pvc-${(await house.kubectl('get', 'pvc', 'data', '-o', 'jsonpath={.metadata.uid}')).trim()}`);
    const file = join(bound.spec.local!.path, 'file');
    await eventually('it to be written', () => existsSync(file) && readFileSync(file, 'utf8') === 'kept\n');
    assert.equal(statSync(bound.spec.local!.path).mode & 0o777, 0o777);
    assert.match(await house.kubectl('get', 'pv'), /^pvc-\S+ +1Gi +RWO +Delete +Bound +default\/data +standard +<unset> +/m);
    assert.match(await house.kubectl('describe', 'pv'), /Node Affinity: +\n +Required Terms: +\n +Term 0: +kubernetes.io\/hostname in \[/);
    for (const words of [/Normal +ExternalProvisioning .*persistentvolume-controller +Waiting for a volume to be created/, /Normal +Provisioning .*peapod.dev\/local-path_.*External provisioner is provisioning volume for claim "default\/data"/, /Normal +ProvisioningSucceeded .*Successfully provisioned volume pvc-/]) await describes('pvc', 'data', words);

    // In use: it stays until the last Pod has gone.
    await house.kubectl('delete', 'pvc', 'data', '--wait=false');
    await house.kubectl('delete', 'pod', 'first');
    await untilClaim('data', undefined);
    await untilVolume(spec.volumeName!, undefined);
    assert.equal(existsSync(bound.spec.local!.path), false);
  });

  test('the example: data that outlives its Pod', async () => {
    for (const starts of [1, 2]) {
      await house.kubectl('apply', '-f', example('claim.yaml'));
      await house.untilReady('counter');
      await eventually('the count', async () => (await shell('counter', 'wc -l < /data/starts')) === String(starts));
      await house.kubectl('delete', 'pod', 'counter');
    }
    await house.kubectl('delete', 'pvc', 'counter');
  });

  test('a second Pod finds what the first wrote; one that comes while the claim ends is not started', async () => {
    await create(claim('passed-on', '16Mi'), withClaim('writer', 'passed-on', { command: ['sh', '-c', 'echo $HOSTNAME > /data/who; exec sleep 3600'] }));
    await house.untilReady('writer');
    await eventually('it to have written', async () => (await shell('writer', 'cat /data/who || true')) === 'writer');
    await house.kubectl('delete', 'pod', 'writer');
    await create(withClaim('reader', 'passed-on', {}, { securityContext: { runAsUser: 1000, fsGroup: 3000 } }));
    await house.untilReady('reader');
    assert.equal(await shell('reader', 'cat /data/who; stat -c "%a %g" /data; touch /data/mine && stat -c %g /data/mine'), 'writer\n2777 3000\n3000');
    await house.kubectl('delete', 'pvc', 'passed-on', '--wait=false');
    assert.match(await house.kubectl('get', 'pvc', 'passed-on'), /^passed-on +Terminating +pvc-/m);
    await create(withClaim('too-late', 'passed-on'));
    await describes('pod', 'too-late', /FailedScheduling .*0\/1 nodes are available: persistentvolumeclaim "passed-on" is being deleted\. .*preemption: 0\/1 nodes are available: 1 Preemption is not helpful for scheduling\./);
    await house.kubectl('delete', 'pod', 'reader', 'too-late');
    await untilClaim('passed-on', undefined);
  });

  test('volumes that people made: the smallest that fits, the one that is named, the one that is kept for the claim', async () => {
    const at = (name: string) => ({ hostPath: { path: join(outside, name) } });
    await create(volume('large', '5Gi', at('kept')), volume('small', '2Gi', at('kept')), volume('tiny', '1Gi', at('kept')), volume('labelled', '9Gi', at('named')), volume('reserved', '1Gi', { ...at('kept'), claimRef: { namespace: 'default', name: 'chosen-by-volume' } }));
    await house.kubectl('label', 'pv', 'labelled', 'disk=fast');
    await Promise.all(['large', 'small', 'tiny', 'labelled', 'reserved'].map((name) => untilVolume(name, 'Available')));
    await create(claim('fits', '1500Mi', manual), claim('chosen', '1Gi', { ...manual, volumeName: 'large' }), claim('by-label', '1Gi', { ...manual, selector: { matchLabels: { disk: 'fast' } } }), claim('chosen-by-volume', '1Gi', manual), claim('too-large', '90Gi', manual));
    for (const [name, expected] of [['fits', 'small'], ['chosen', 'large'], ['by-label', 'labelled'], ['chosen-by-volume', 'reserved']] as const) {
      assert.deepEqual([name, (await untilClaim(name, 'Bound'))!.spec.volumeName], [name, expected]);
    }
    assert.equal((await house.kubectl('get', 'pvc', 'fits', '-o', 'jsonpath={.status.capacity.storage} {.metadata.annotations}')).trim(), '2Gi {"pv.kubernetes.io/bind-completed":"yes","pv.kubernetes.io/bound-by-controller":"yes"}');
    await describes('pvc', 'too-large', /ProvisioningFailed .*storageclass.storage.k8s.io "manual" not found/);
    await create(claim('taken', '1Gi', { ...manual, volumeName: 'large' }));
    await describes('pvc', 'taken', /FailedBinding .*volume "large" already bound to a different claim\./);
    await create(withClaim('unbound', 'too-large'));
    await describes('pod', 'unbound', /FailedScheduling .*0\/1 nodes are available: pod has unbound immediate PersistentVolumeClaims\. .*preemption/);

    // Retain: the data stays, and so does the volume, for people to look after.
    writeFileSync(join(outside, 'named', 'file'), 'precious');
    await create(withClaim('uses-label', 'by-label', {}, { securityContext: { fsGroup: 3000 }, volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'by-label', readOnly: true } }] }));
    await house.untilReady('uses-label');
    assert.equal(await shell('uses-label', 'cat /data/file; stat -c %g /data'), 'precious0');
    assert.match(await shell('uses-label', 'touch /data/x 2>&1 || true'), /Read-only file system/);
    await house.kubectl('delete', 'pod', 'uses-label', 'unbound');
    await house.kubectl('delete', 'pvc', 'by-label', 'too-large', 'taken');
    await untilVolume('labelled', 'Released');
    assert.match(await house.kubectl('get', 'pv', 'labelled'), /^labelled +9Gi +RWO +Retain +Released +default\/by-label +manual/m);
    assert.equal(readFileSync(join(outside, 'named', 'file'), 'utf8'), 'precious');

    // A claim without its volume is lost.
    await house.kubectl('delete', 'pv', 'small', '--wait=false');
    assert.match(await house.kubectl('get', 'pv', 'small'), /Terminating +default\/fits/);
    await house.kubectl('patch', 'pv', 'small', '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    await untilClaim('fits', 'Lost');
    await describes('pvc', 'fits', /Warning +ClaimLost .*Bound claim has lost its PersistentVolume. Data on the volume is lost!/);
    assert.match((await house.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(claim('chosen-by-volume', '2Gi', manual)) })).stderr, /is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize/);
  });

  test('ephemeral volumes are claims of their Pod, and go with it; another\'s claim in the way is told', async () => {
    const ephemeral = { volumeClaimTemplate: { metadata: { labels: { of: 'pod' } }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Mi' } } } } };
    const spec = { volumes: [{ name: 'scratch', ephemeral }] } as Partial<PodSpec>;
    await create(claim('blocked-scratch', '8Mi'), pod('own', [{ command: waits, ...mounts('scratch') }], { ...spec, terminationGracePeriodSeconds: 1 }), pod('blocked', [mounts('scratch')], spec));
    await house.untilReady('own');
    assert.equal(await shell('own', 'echo 1 > /scratch/a; cat /scratch/a'), '1');
    assert.equal((await house.kubectl('get', 'pvc', '-l', 'of=pod', '-o', 'jsonpath={.items[*].metadata.name} {.items[*].metadata.ownerReferences[0].name}')).trim(), 'own-scratch own');
    await describes('pod', 'blocked', /FailedBinding .*ephemeral volume scratch: PVC default\/blocked-scratch was not created for pod default\/blocked \(pod is not owner\)/);
    assert.ok(localDirectories().some((name) => name.endsWith('_default_own-scratch')));
    await house.kubectl('delete', 'pod', 'own', 'blocked');
    await untilClaim('own-scratch', undefined);
    await eventually('its directory to go', () => !localDirectories().some((name) => name.endsWith('_default_own-scratch')));
  });

  test('a claim for one Pod is used by one', async () => {
    await create(claim('single', '1Mi', { accessModes: ['ReadWriteOncePod'] }), withClaim('holder', 'single'));
    await house.untilReady('holder');
    await create(withClaim('waits', 'single'));
    await describes('pod', 'waits', /FailedScheduling .*1 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode/);
    await house.kubectl('delete', 'pod', 'holder');
    await house.untilReady('waits');
  });

  test('a class may bind at once, keep what was written, and let claims grow', async () => {
    await create({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'roomy' }, provisioner: 'peapod.dev/local-path', reclaimPolicy: 'Retain', allowVolumeExpansion: true });
    await create(claim('grows', '1Gi', { storageClassName: 'roomy' }));
    const { spec } = (await untilClaim('grows', 'Bound'))!;
    await house.kubectl('patch', 'pvc', 'grows', '-p', '{"spec":{"resources":{"requests":{"storage":"3Gi"}}}}');
    await until(house.cluster, persistentVolumeClaims, { namespace: 'default', name: 'grows' }, (now) => now?.status.capacity?.storage === '3Gi');
    assert.match((await house.tryKubectl(['patch', 'pvc', 'grows', '-p', '{"spec":{"resources":{"requests":{"storage":"1Gi"}}}}'])).stderr, /spec.resources.requests.storage: Forbidden: field can not be less than status.capacity/);
    const { local } = (await untilVolume(spec.volumeName!, 'Bound'))!.spec;
    await house.kubectl('delete', 'pvc', 'grows');
    await untilVolume(spec.volumeName!, 'Released');
    await house.kubectl('delete', 'pv', spec.volumeName!);
    assert.ok(existsSync(local!.path));
  });

  test('what this node cannot mount is told; so is a volume of the wrong mode', async () => {
    const here = { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [house.cluster.nodeName] }] }] } } };
    const there = { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['elsewhere'] }] }] } } };
    const class2 = (name: string) => ({ storageClassName: name });
    await create(
      volume('far', '1Gi', { ...class2('far'), nfs: { server: 'nas', path: '/export' } }), volume('away', '1Gi', { ...class2('away'), local: { path: outside }, ...there }), volume('missing', '1Gi', { ...class2('missing'), local: { path: join(outside, 'none') }, ...here }),
      ...['far', 'away', 'missing'].flatMap((name) => [claim(name, '1Gi', class2(name)), withClaim(name, name)]),
    );
    await describes('pod', 'far', /FailedMount .*MountVolume.SetUp failed for volume "far" : this node has no way to mount nfs volumes/);
    await describes('pod', 'missing', /FailedMount .*MountVolume.SetUp failed for volume "missing" : local volume path ".*none" does not exist/);
    await describes('pod', 'away', /FailedScheduling .*1 node\(s\) had volume node affinity conflict/);
    await house.kubectl('delete', 'pod', 'far', 'away', 'missing');
  });

  test('a block device is given to the container as a device', async (t) => {
    const image = join(outside, 'disk');
    writeFileSync(image, Buffer.alloc(1 << 20, 'x'));
    try {
      loop = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
    } catch {
      return t.skip('this machine has no loop devices');
    }
    const here = { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [house.cluster.nodeName] }] }] } } };
    await create(volume('disk', '1Mi', { volumeMode: 'Block', storageClassName: 'disks', local: { path: loop }, ...here }), claim('disk', '1Mi', { storageClassName: 'disks', volumeMode: 'Block' }));
    await create(withClaim('raw', 'disk', { volumeMounts: [], volumeDevices: [{ name: 'data', devicePath: '/dev/raw-disk' }] }), withClaim('mounts-it', 'disk'));
    await house.untilReady('raw');
    assert.equal(await shell('raw', 'test -b /dev/raw-disk && head -c 3 /dev/raw-disk && echo abc | dd of=/dev/raw-disk conv=fsync 2>/dev/null; head -c 3 /dev/raw-disk'), 'xxxabc');
    await describes('pod', 'mounts-it', /FailedMount .*volume data has volumeMode Block, but is specified in volumeMounts/);
  });
});
