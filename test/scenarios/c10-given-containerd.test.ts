// C10: a containerd that runs already, with a network and containers of its own, is used and otherwise left alone.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import type { New, Pod } from '../../src/api/types.ts';
import { containerSpec, sandboxSpec } from '../../src/runtime/testing/specs.ts';
import { startTestContainerd, type TestContainerd } from '../../src/runtime/testing/test-containerd.ts';
import { pod } from '../support/manifests.ts';
import { onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const signal = AbortSignal.timeout(280_000);
const foreign = { namespace: 'default', name: 'foreign', uid: 'uid-foreign' };

describe('C10 a containerd that runs already', { skip: onDocker ? 'it is containerd’s' : false }, () => {
  let machine: TestContainerd;
  let house: RealCluster | undefined;
  before(async () => {
    machine = await startTestContainerd();
    const logDirectory = join(machine.logs, 'foreign');
    mkdirSync(logDirectory);
    const sandbox = await machine.runtime.startSandbox(sandboxSpec(foreign, { logDirectory, cgroupParent: machine.cgroupParent }), signal);
    const image = (await machine.runtime.imageStatus('localhost/busybox', signal))!;
    const id = await machine.runtime.createContainer(sandbox, containerSpec(foreign, 'c', { imageId: image.id, image: 'localhost/busybox', command: ['sleep', '1000'] }), signal);
    await machine.runtime.startContainer(id, signal);
    house = await startRealCluster({ runtimeEndpoint: machine.containerd.endpoint });
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    for (const { sandboxes } of (await machine.runtime.observeAll(signal)).values()) for (const { id } of sandboxes) {
      await machine.runtime.stopSandbox(id, signal);
      await machine.runtime.removeSandbox(id, signal);
    }
    await machine.end();
  });

  const create = (name: string) => house!.cluster.client.create(pods, pod(name, [{ name: 'a' }, { name: 'b' }], { terminationGracePeriodSeconds: 1 }) as unknown as New<Pod>, signal);
  const seen = async (uid: string) => (await machine.runtime.observeAll(signal)).get(uid);

  test('C10 Pods run in it, on its own network, and end without a trace', async () => {
    await create('guest');
    const guest = await house!.untilReady('guest');
    const inRuntime = (await seen(guest.metadata.uid))!;
    assert.deepEqual(inRuntime.sandboxes.map(({ ips }) => ips[0]), [guest.status.podIP]);
    assert.deepEqual(inRuntime.containers.map(({ name, state }) => `${name} ${state}`).sort(), ['a running', 'b running']);
    assert.equal(await house!.kubectl('exec', 'guest', '-c', 'b', '--', 'hostname'), 'guest\n');
    await house!.kubectl('delete', 'pod', 'guest');
    assert.equal(await seen(guest.metadata.uid), undefined);
  });

  test('C10 what others run in it is neither shown nor ended, and stays when the cluster goes', async () => {
    assert.equal((await seen(foreign.uid))?.containers[0]?.state, 'running');
    assert.doesNotMatch(await house!.kubectl('get', 'pods', '-A'), /foreign/);
    await create('last');
    const last = await house!.untilReady('last');
    await house![Symbol.asyncDispose]();
    house = undefined;
    assert.equal(await seen(last.metadata.uid), undefined, 'the cluster’s own is gone');
    assert.equal((await seen(foreign.uid))?.containers[0]?.state, 'running');
  });
});
