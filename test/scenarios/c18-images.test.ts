// C18: images from a registry on loopback, pulled by the runtime itself; and archives loaded by hand, with no registry at all.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { events } from '../../src/api/kinds/event.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { secrets } from '../../src/api/kinds/secret.ts';
import { serviceAccounts } from '../../src/api/kinds/service-account.ts';
import type { Container, KubeEvent, New, Pod, PodSpec, Secret, ServiceAccount } from '../../src/api/types.ts';
import { openRuntime } from '../../src/cluster/runtime-choice.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { ociArchive } from '../../src/runtime/containerd/images/oci-archive.ts';
import { pod } from '../support/manifests.ts';
import { eventually, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';
import { startRegistry, type Registry } from '../../src/runtime/testing/registry.ts';

const signal = AbortSignal.timeout(280_000);
const stays = ['sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait'];

describe('C18 images', () => {
  let house: RealCluster;
  let open: Registry;
  let closed: Registry;
  const login = { user: 'pea', password: 'p:o d' };
  before(async () => {
    [house, open, closed] = await Promise.all([startRealCluster({ maxParallelImagePulls: 2 }), startRegistry(), startRegistry(login)]);
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    await open?.[Symbol.asyncDispose]();
    await closed?.[Symbol.asyncDispose]();
  });

  const create = (name: string, container: Partial<Container>, spec: Partial<PodSpec> = {}) =>
    house.cluster.client.create(pods, { ...pod(name, [{ name: 'c', command: stays, ...container }], { terminationGracePeriodSeconds: 1, ...spec }) } as unknown as New<Pod>, signal);
  const waiting = (of: Pod | undefined) => of?.status.containerStatuses?.[0]?.state?.waiting;
  const waits = async (name: string, reason: string) => waiting(await house.untilPod(name, (of) => waiting(of)?.reason === reason))!;
  const storyOf = async (name: string): Promise<readonly KubeEvent[]> => (await house.cluster.client.list(events, { namespace: 'default', fieldSelector: `involvedObject.name=${name}` }, signal)).items;
  /** The message of the Pod's event, once it is told. */
  const told = async (name: string, reason: string, message: RegExp): Promise<KubeEvent> => {
    let found: KubeEvent | undefined;
    await eventually(`${reason} ${message} of ${name}`, async () => (found = (await storyOf(name)).find((event) => event.reason === reason && message.test(event.message ?? ''))) !== undefined);
    return found!;
  };
  const remove = async (...names: string[]) => {
    await house.kubectl('delete', 'pod', '--now', ...names);
  };
  const imageName = (name: string, tag = '1') => `${open.host}/${name}:${tag}`;
  const secret = (name: string, type: string, content: object) =>
    house.cluster.client.create(secrets, { metadata: { name, namespace: 'default' }, type, data: { [type === 'kubernetes.io/dockercfg' ? '.dockercfg' : '.dockerconfigjson']: Buffer.from(JSON.stringify(content)).toString('base64') } } as unknown as New<Secret>, signal);
  const auth = (user: string, password: string) => ({ auth: Buffer.from(`${user}:${password}`).toString('base64') });

  test('C18 a pull is told in the kubelet’s words, and an image that is here is not pulled again', async () => {
    const digest = open.push('told', '1');
    const image = imageName('told');
    await create('told', { image });
    const ready = await house.untilReady('told');
    assert.equal(ready.status.containerStatuses![0]!.imageID, `${open.host}/told@${digest}`);
    assert.equal(ready.status.containerStatuses![0]!.image, image);
    await told('told', 'Pulling', new RegExp(`^Pulling image "${image}"$`));
    const pulled = await told('told', 'Pulled', new RegExp(`^Successfully pulled image "${image}" in \\d[\\d.]*m?s \\(\\d[\\d.]*m?s including waiting\\)\\. Image size: \\d+ bytes\\.$`));
    assert.equal(pulled.involvedObject.fieldPath, 'spec.containers{c}');

    const before = open.asked.length;
    await create('again', { image, imagePullPolicy: 'IfNotPresent' });
    await house.untilReady('again');
    await told('again', 'Pulled', new RegExp(`^Container image "${image}" already present on machine and can be accessed by the pod$`));
    assert.equal(open.asked.length, before);

    // Always asks the registry what the name means now.
    open.push('told', '1', { config: { Env: ['PATH=/bin', 'NEW=yes'] } });
    await create('always', { image, imagePullPolicy: 'Always' });
    await house.untilReady('always');
    assert.match(await house.kubectl('exec', 'always', '--', 'env'), /^NEW=yes$/m);
    assert.doesNotMatch(await house.kubectl('exec', 'again', '--', 'env'), /NEW/);
    await remove('told', 'again', 'always');
  });

  test('C18 the default tag is latest, and is always pulled; a digest names one image for ever', async () => {
    open.push('plain', 'latest');
    const digest = open.push('plain', 'other', { config: { Env: ['PATH=/bin', 'WHICH=digest'] } });
    const made = await create('latest', { image: `${open.host}/plain` });
    assert.equal(made.spec.containers[0]!.imagePullPolicy, 'Always');
    const byDigest = await create('digest', { image: `${open.host}/plain@${digest}` });
    assert.equal(byDigest.spec.containers[0]!.imagePullPolicy, 'IfNotPresent');
    await Promise.all(['latest', 'digest'].map((name) => house.untilReady(name)));
    assert.match(await house.kubectl('exec', 'latest', '--', 'cat', '/image-name'), /^plain:latest$/m);
    assert.match(await house.kubectl('exec', 'digest', '--', 'env'), /^WHICH=digest$/m);
    await remove('latest', 'digest');
  });

  test('C18 ErrImagePull, then ImagePullBackOff, and success once the image is there', async () => {
    const image = imageName('late');
    await create('late', { image });
    const failed = await waits('late', 'ErrImagePull');
    assert.match(failed.message ?? '', onDocker ? /late/ : /^rpc error: code = NotFound desc = .*late:1.*not found/);
    const held = await waits('late', 'ImagePullBackOff');
    assert.ok(held.message?.startsWith(`Back-off pulling image "${image}": ErrImagePull: ${failed.message}`), held.message);
    await told('late', 'Failed', new RegExp(`^Failed to pull image "${image}": `));
    await told('late', 'Failed', /^Error: ErrImagePull$/);
    await told('late', 'BackOff', new RegExp(`^Back-off pulling image "${image}"$`));
    await told('late', 'Failed', /^Error: ImagePullBackOff$/);
    assert.equal((await house.pod('late')).status.phase, 'Pending');
    open.push('late', '1');
    await house.untilReady('late');
    await remove('late');
  });

  test('C18 a name that is none, an image that may not be pulled, a registry that is broken', async () => {
    await create('no-name', { image: 'r.example/A/Name' });
    await create('never', { image: imageName('never-there'), imagePullPolicy: 'Never' });
    open.push('broken', '1');
    open.breakWith(503);
    try {
      await create('broken', { image: imageName('broken') });
      assert.match((await waits('broken', 'ErrImagePull')).message ?? '', /503|unavailable/i);
    } finally {
      open.breakWith(undefined);
    }
    assert.match((await waits('no-name', 'InvalidImageName')).message ?? '', /^Failed to apply default image tag "r.example\/A\/Name": couldn't parse image name "r.example\/A\/Name": invalid reference format: repository name \(A\/Name\) must be lowercase$/);
    await told('no-name', 'InspectFailed', /^Failed to apply default image tag/);
    await told('no-name', 'Failed', /^Error: InvalidImageName$/);
    assert.equal((await waits('never', 'ErrImageNeverPull')).message, `Container image "${imageName('never-there')}" is not present with pull policy of Never`);
    await told('never', 'ErrImageNeverPull', /is not present with pull policy of Never$/);
    assert.ok(!open.asked.some((line) => line.includes('never-there')));
    await remove('no-name', 'never', 'broken');
  });

  test('C18 a guarded registry opens to either kind of secret, to the service account’s, and to nobody else', async () => {
    closed.push('team/app', '1');
    const image = `${closed.host}/team/app:1`;
    await secret('right', 'kubernetes.io/dockerconfigjson', { auths: { [closed.host]: auth('pea', 'wrong'), [`http://${closed.host}/team`]: auth(login.user, login.password) } });
    await secret('old-form', 'kubernetes.io/dockercfg', { [closed.host]: { username: login.user, password: login.password, email: 'x@example.com' } });
    await secret('wrong', 'kubernetes.io/dockerconfigjson', { auths: { [closed.host]: auth('pea', 'wrong'), [`${closed.host}/other`]: auth(login.user, login.password) } });
    await house.cluster.client.create(serviceAccounts, { metadata: { name: 'puller', namespace: 'default' }, imagePullSecrets: [{ name: 'right' }] } as unknown as New<ServiceAccount>, signal);

    await create('nobody', { image });
    await create('mistaken', { image }, { imagePullSecrets: [{ name: 'wrong' }, { name: 'absent' }] });
    assert.match((await waits('nobody', 'ErrImagePull')).message ?? '', /401|authorization failed|unauthorized|no basic auth/i);
    await waits('mistaken', 'ErrImagePull');
    await told('mistaken', 'FailedToRetrieveImagePullSecret', /^Unable to retrieve some image pull secrets \(absent\); attempting to pull the image may not succeed\.$/);

    await create('let-in', { image }, { imagePullSecrets: [{ name: 'right' }] });
    await house.untilReady('let-in');
    const withAccount = await create('by-account', { image, imagePullPolicy: 'Always' }, { serviceAccountName: 'puller' });
    assert.deepEqual(withAccount.spec.imagePullSecrets, [{ name: 'right' }]);
    await create('by-old-form', { image, imagePullPolicy: 'Always' }, { imagePullSecrets: [{ name: 'old-form' }] });
    await Promise.all(['by-account', 'by-old-form'].map((name) => house.untilReady(name)));
    await remove('nobody', 'mistaken', 'let-in', 'by-account', 'by-old-form');
  });

  test('C18 a private image that is here is not given to a Pod without its secret', async () => {
    closed.push('mine/app', '1');
    const image = `${closed.host}/mine/app:1`;
    await secret('own', 'kubernetes.io/dockerconfigjson', { auths: { [closed.host]: auth(login.user, login.password) } });
    await secret('own-copy', 'kubernetes.io/dockerconfigjson', { auths: { [closed.host]: auth(login.user, login.password) } });
    await create('owner', { image }, { imagePullSecrets: [{ name: 'own' }] });
    await house.untilReady('owner');
    const before = closed.asked.length;
    await create('thief', { image, imagePullPolicy: 'IfNotPresent' });
    await create('sly-thief', { image, imagePullPolicy: 'Never' });
    await waits('thief', 'ErrImagePull');
    await waits('sly-thief', 'ErrImageNeverPull');
    await create('friend', { image, imagePullPolicy: 'Never' }, { imagePullSecrets: [{ name: 'own-copy' }] });
    await house.untilReady('friend');
    await told('friend', 'Pulled', /already present on machine and can be accessed by the pod$/);
    assert.equal(closed.asked.length, before, 'nobody was let in to pull it again');
    await remove('owner', 'thief', 'sly-thief', 'friend');
  });

  test('C18 one image that many Pods want at once is pulled once; no more pulls at once than allowed', async () => {
    for (const name of ['shared', 'held-a', 'held-b', 'after']) open.push(name, '1');
    const [a, b, shared] = [open.hold('held-a'), open.hold('held-b'), open.hold('shared')];
    const many = ['many-1', 'many-2', 'many-3', 'many-4'];
    const has = (name: string) => open.asked.some((line) => line.includes(`/${name}/manifests/`));
    try {
      await create('held-a', { image: imageName('held-a') });
      await Promise.all(many.map((name) => create(name, { image: imageName('shared') })));
      await eventually('both pulls have begun', () => has('held-a') && has('shared'));
      // Both places are taken.
      await create('after', { image: imageName('after') });
      await told('after', 'Pulling', /^Pulling image/);
      for (const name of many) await told(name, 'Pulling', /^Pulling image/);
      assert.ok(!has('after'));
      a();
      await house.untilReady('after');
      assert.equal((await house.pod('many-1')).status.phase, 'Pending');
      const waited = (await told('after', 'Pulled', /including waiting/)).message!;
      assert.match(waited, /Successfully pulled/);
    } finally {
      for (const release of [a, b, shared]) release();
    }
    await Promise.all(many.map((name) => house.untilReady(name)));
    const asksPerPull = open.asked.filter((line) => line.includes('/after/manifests/')).length;
    assert.equal(open.asked.filter((line) => line.includes('/shared/manifests/')).length, asksPerPull, 'as often as one Pod asks');
    await remove('held-a', 'after', ...many);
  });

  test('C18 command and args replace ENTRYPOINT and CMD as Kubernetes says', async () => {
    open.push('words', '1', { config: { Entrypoint: ['echo', 'entry'], Cmd: ['cmd'], WorkingDir: '/tmp', User: 'pea' } });
    const cases: readonly (readonly [string, Partial<Container>, string])[] = [
      ['words-none', {}, 'entry cmd'],
      ['words-args', { args: ['own', '$(WHO)', '$$(WHO)', '$(NONE)'], env: [{ name: 'WHO', value: 'me' }] }, 'entry own me $(WHO) $(NONE)'],
      ['words-command', { command: ['echo', 'other'] }, 'other'],
      ['words-both', { command: ['echo', 'other'], args: ['more'] }, 'other more'],
      ['words-dir', { command: ['sh', '-c', 'pwd; id -u'] }, '/tmp\n1234'],
      ['words-own-dir', { command: ['pwd'], workingDir: '/etc' }, '/etc'],
    ];
    await Promise.all(cases.map(([name, container]) => house.cluster.client.create(pods, pod(name, [{ name: 'c', command: undefined, image: imageName('words'), ...container }], { restartPolicy: 'Never' }) as unknown as New<Pod>, signal)));
    for (const [name, , output] of cases) {
      await house.untilPod(name, (of) => of?.status.phase === 'Succeeded');
      assert.equal((await house.kubectl('logs', name)).trim(), output, name);
    }
    await remove(...cases.map(([name]) => name));
  });

  test('C18 an image loaded by hand runs with no registry in reach', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'peapod-archive-'));
    try {
      const busybox = execFileSync('cat', ['/usr/bin/busybox'], { maxBuffer: 1 << 26 });
      const name = '127.0.0.1:1/by/hand:1';
      const archive = ociArchive([{ names: [name], files: [{ type: 'directory', path: 'bin', mode: 0o755 }, { type: 'file', path: 'bin/busybox', mode: 0o755, content: busybox }], entrypoint: ['/bin/busybox', 'echo'], cmd: ['by hand'] }]);
      writeFileSync(join(folder, 'image.tar'), archive.bytes);
      const socket = join(house.dataDir, ...(onDocker ? ['docker', 'docker.sock'] : ['containerd', 'containerd.sock']));
      const runtime = await openRuntime({ kind: onDocker ? 'docker' : 'containerd', endpoint: `unix://${socket}`, clock, log: silentLog });
      try {
        assert.deepEqual(await runtime.loadImages(join(folder, 'image.tar'), signal), [name]);
      } finally {
        await runtime.close();
      }
      await house.cluster.client.create(pods, pod('by-hand', [{ name: 'c', command: undefined, image: name }], { restartPolicy: 'Never' }) as unknown as New<Pod>, signal);
      await house.untilPod('by-hand', (of) => of?.status.phase === 'Succeeded');
      assert.equal(await house.kubectl('logs', 'by-hand'), 'by hand\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
