// C8, C20 volumes: what is in them, who may write, how changes reach a running container, and what a bad one says.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Container, PodSpec } from '../../src/api/types.ts';
import { pod, waits } from '../support/manifests.ts';
import { eventually, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

describe('C20 volumes', () => {
  let house: RealCluster;
  let outside: string;
  const create = async (...items: object[]) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  };
  const shell = async (name: string, script: string) => (await house.kubectl('exec', name, '--', 'sh', '-c', script)).trim();
  const mounted = (name: string, volumes: object[], more: Partial<Container> = {}, spec: Partial<PodSpec> = {}) =>
    pod(name, [{ command: waits, volumeMounts: volumes.map((volume) => ({ name: (volume as { name: string }).name, mountPath: `/${(volume as { name: string }).name}` })), ...more } as Partial<Container>], { terminationGracePeriodSeconds: 1, volumes, ...spec } as Partial<PodSpec>);
  const settings = (color: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { color, shape: color }, binaryData: { bytes: 'AP8=' } });
  const host = (name: string, path: string, type: string) => ({ name, hostPath: { path: join(outside, path), type } });

  before(async () => {
    house = await startRealCluster();
    outside = mkdtempSync(join(tmpdir(), 'peapod-volumes-'));
    writeFileSync(join(outside, 'file'), 'from the node');
    await create(settings('blue'), { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { token: 'secret' } });
    await create(
      mounted('content', [
        { name: 'map', configMap: { name: 'settings' } },
        { name: 'items', configMap: { name: 'settings', items: [{ key: 'color', path: 'deep/er/color', mode: 0o400 }] } },
        { name: 'secret', secret: { secretName: 'keys', defaultMode: 0o440 } },
        { name: 'facts', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }, { path: 'cpu', resourceFieldRef: { containerName: 'c0', resource: 'requests.cpu', divisor: '1m' } }] } },
        { name: 'all', projected: { sources: [{ configMap: { name: 'settings', items: [{ key: 'shape', path: 'shape' }] } }, { secret: { name: 'keys' } }, { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } }, { configMap: { name: 'nowhere', optional: true } }] } },
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
        { name: 'single', configMap: { name: 'settings' } },
      ], {
        resources: { requests: { cpu: '250m' } },
        volumeMounts: [...['map', 'items', 'secret', 'facts', 'all', 'memory'].map((name) => ({ name, mountPath: `/${name}` })), { name: 'single', mountPath: '/etc/color', subPath: 'color' }],
      }),
      mounted('places', [host('made', 'made/here', 'DirectoryOrCreate'), host('file', 'file', 'File'), host('touched', 'touched', 'FileOrCreate'), { name: 'scratch', emptyDir: {} }], {
        env: [{ name: 'WHO', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        volumeMounts: [{ name: 'made', mountPath: '/made' }, { name: 'file', mountPath: '/file', readOnly: true }, { name: 'touched', mountPath: '/touched' }, { name: 'scratch', mountPath: '/scratch' }, { name: 'scratch', mountPath: '/own', subPathExpr: 'pods/$(WHO)' }],
      }),
      mounted('group', [{ name: 'scratch', emptyDir: {} }, { name: 'secret', secret: { secretName: 'keys' } }], { securityContext: { runAsUser: 1000 } } as never, { securityContext: { fsGroup: 2000 } }),
      mounted('late', [{ name: 'map', configMap: { name: 'later' } }]),
      mounted('wrong-type', [host('v', 'file', 'Directory')]),
      mounted('climbs', [{ name: 'v', emptyDir: {} }], { env: [{ name: 'UP', value: '../../..' }], volumeMounts: [{ name: 'v', mountPath: '/v', subPathExpr: '$(UP)/etc' }] }),
      mounted('escapes', [host('v', 'trap', 'DirectoryOrCreate')], { command: ['sh', '-c', 'ln -s /etc /v/out; sleep 1; exit 1'], volumeMounts: [{ name: 'v', mountPath: '/v' }] }, { restartPolicy: 'Never' }),
    );
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    rmSync(outside, { recursive: true, force: true });
  });

  test('ConfigMaps, Secrets, downward facts and projections, with their modes', async () => {
    await house.untilReady('content');
    assert.equal(await shell('content', 'cat /map/color /items/deep/er/color /secret/token /all/shape /all/token /all/name /etc/color | tr "\\n" " "; od -An -tx1 /map/bytes'), 'bluebluesecretbluesecretcontentblue 00 ff');
    assert.equal(await shell('content', 'cat /facts/labels /facts/cpu; stat -Lc %a /items/deep/er/color /secret/token /map/color | tr "\\n" " "'), '250400 440 644');
    assert.match(await shell('content', 'df -m /memory | tail -1'), /tmpfs +8 /);
    for (const read of ['/map/new', '/secret/new']) assert.match((await house.tryKubectl(['exec', 'content', '--', 'touch', read])).stderr, /Read-only file system/);
  });

  test('changes come by one atomic swap; not to a subPath', async () => {
    await house.untilReady('content');
    // Watches both keys as fast as it can: they must never differ.
    const watcher = house.tryKubectl(['exec', 'content', '--', 'sh', '-c', 'while :; do cd -P /map/..data && a=$(cat color) && b=$(cat shape) && { [ "$a" = "$b" ] || { echo torn $a $b; exit 1; }; [ "$a" = green ] && exit 0; }; done']);
    await house.tryKubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input: JSON.stringify(settings('green')) });
    await house.kubectl('label', 'pod', 'content', 'new=label');
    const seen = await watcher;
    assert.deepEqual([seen.code, seen.stdout], [0, '']);
    await eventually('the projection and the labels to follow', async () => (await shell('content', 'cat /all/shape /facts/labels')) === 'greennew="label"');
    assert.equal(await shell('content', 'cat /etc/color'), 'blue');
  });

  test('hostPath of each type, read-only mounts, subPathExpr', async () => {
    await house.untilReady('places');
    assert.equal(await shell('places', 'cat /file; echo 1 > /made/by-pod; echo 2 > /touched; echo 3 > /own/mine; cat /scratch/pods/places/mine'), 'from the node3');
    assert.deepEqual(['made/here/by-pod', 'touched'].map((path) => readFileSync(join(outside, path), 'utf8')), ['1\n', '2\n']);
    assert.match((await house.tryKubectl(['exec', 'places', '--', 'sh', '-c', 'echo x > /file'])).stderr, /Read-only file system/);
    assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'from the node');
  });

  test('fsGroup may write and read', async () => {
    await house.untilReady('group');
    assert.equal(await shell('group', 'touch /scratch/mine && stat -c %g /scratch/mine && cat /secret/token'), '2000\nsecret');
  });

  test('a missing ConfigMap is a FailedMount, and the Pod starts once it is there', async () => {
    await eventually('the event', async () => (await house.kubectl('describe', 'pod', 'late')).includes('MountVolume.SetUp failed for volume "map" : configmap "later" not found'));
    assert.equal((await house.pod('late')).status.containerStatuses![0]!.state?.waiting?.reason, 'ContainerCreating');
    await create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later' }, data: { a: '1' } });
    await house.untilReady('late');
    await eventually('the wrong type to be told', async () => /hostPath type check failed: .* is not a directory/.test(await house.kubectl('describe', 'pod', 'wrong-type')));
  });

  test('no way leads out of a volume', async () => {
    const wrong = (await house.untilPod('climbs', (now) => now?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError'))!;
    assert.equal(wrong.status.containerStatuses![0]!.state!.waiting!.message, "unable to provision SubPath `../../../etc`: must not contain '..'");
    await eventually('the event', async () => /Warning +Failed +.*must not contain '..'/.test(await house.kubectl('describe', 'pod', 'climbs')));
    const refused = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(mounted('refused', [{ name: 'v', emptyDir: {} }], { volumeMounts: [{ name: 'v', mountPath: '/v', subPath: '../x' }] })) });
    assert.match(refused.stderr, /subPath: Invalid value: "..\/x": must not contain '..'/);

    await house.untilPod('escapes', (now) => now?.status.phase === 'Failed');
    assert.ok(existsSync(join(outside, 'trap', 'out')));
    symlinkSync('/etc/hostname', join(outside, 'trap', 'name'));
    for (const subPath of ['out', 'out/passwd', 'name']) {
      const name = `follows-${subPath.replace('/', '-')}`;
      await create(mounted(name, [host('v', 'trap', 'Directory')], { volumeMounts: [{ name: 'v', mountPath: '/v', subPath }] }));
      const stopped = (await house.untilPod(name, (now) => now?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError'))!;
      assert.equal(stopped.status.containerStatuses![0]!.state!.waiting!.message, 'failed to prepare subPath for volumeMount "v" of container "c0"');
    }
  });
});
