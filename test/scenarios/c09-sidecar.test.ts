// C9, with C2, C3, C4, C6, C8, C13 and C27: the sidecar example, as a newcomer meets it, with stock kubectl.
import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import { example, mainProcess, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

describe('C9 the sidecar pattern', () => {
  let house: RealCluster;
  before(async () => {
    house = await startRealCluster();
    await house.kubectl('apply', '-f', example('sidecar.yaml'));
    await house.untilReady('sidecar');
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('C2 both containers run on one node, and kubectl sees them', async () => {
    const pod = await house.pod('sidecar');
    assert.equal(pod.status.phase, 'Running');
    assert.match(await house.kubectl('get', 'pods'), /^sidecar +2\/2 +Running +0 /m);
    assert.match((await house.tryKubectl(['get', 'pods'], { version: '1.20' })).stdout, /^sidecar +2\/2 +Running +0 /m);
  });

  test('C3, C9 its Pod IP serves what the sidecar writes', async () => {
    const pod = await house.pod('sidecar');
    const answer = await (await fetch(`http://${pod.status.podIP}:8080/`)).text();
    assert.match(answer, /^sidecar has written this \d+ times$/m);
  });

  test('C4, C6 the containers share localhost and the host name', async () => {
    assert.match(await house.kubectl('exec', 'sidecar', '-c', 'writer', '--', 'wget', '-qO-', 'http://localhost:8080'), /^sidecar has written/);
    assert.equal(await house.kubectl('exec', 'sidecar', '-c', 'web', '--', 'hostname'), 'sidecar\n');
    const pod = await house.pod('sidecar');
    const [web, writer] = [mainProcess(house.dataDir, pod, 'web'), mainProcess(house.dataDir, pod, 'writer')];
    for (const kind of ['net', 'ipc', ...(onDocker ? [] : ['uts'])]) assert.equal(readlinkSync(`/proc/${web}/ns/${kind}`), readlinkSync(`/proc/${writer}/ns/${kind}`), kind);
    for (const kind of ['pid', 'mnt']) assert.notEqual(readlinkSync(`/proc/${web}/ns/${kind}`), readlinkSync(`/proc/${writer}/ns/${kind}`), kind);
    assert.notEqual(readlinkSync(`/proc/${web}/ns/net`), readlinkSync('/proc/self/ns/net'));
  });

  test('C13 a killed container starts again in the same Pod: UID, IP, sandbox and volume stay', async () => {
    const pod = await house.pod('sidecar');
    await house.kubectl('exec', 'sidecar', '-c', 'writer', '--', 'touch', '/content/before-the-kill');
    process.kill(mainProcess(house.dataDir, pod, 'web'), 'SIGKILL');
    const again = (await house.untilPod('sidecar', (now) => now?.status.containerStatuses?.find((status) => status.name === 'web')?.restartCount === 1 && now.status.conditions!.some((c) => c.type === 'Ready' && c.status === 'True')))!;
    assert.equal(again.metadata.uid, pod.metadata.uid);
    assert.equal(again.status.podIP, pod.status.podIP);
    const web = again.status.containerStatuses!.find((status) => status.name === 'web')!;
    assert.equal(web.lastState?.terminated?.exitCode, 137);
    assert.equal(web.lastState?.terminated?.reason, 'Error');
    assert.equal(again.status.containerStatuses!.find((status) => status.name === 'writer')!.restartCount, 0);
    await house.kubectl('exec', 'sidecar', '-c', 'web', '--', 'ls', '/content/before-the-kill');
    assert.match(await (await fetch(`http://${again.status.podIP}:8080/`)).text(), /has written this/);
  });

  test('kubectl describe tells its story', async () => {
    const story = await house.kubectl('describe', 'pod', 'sidecar');
    for (const line of [/Normal +Scheduled .*Successfully assigned default\/sidecar to /, /Normal +Pulled .*localhost\/busybox/, /Normal +Created /, /Normal +Started /]) assert.match(story, line);
  });

  test('C26, C27, C30, C31 it ends within its grace, with the hook run and the sidecar told', async () => {
    // From within: a kubectl may begin to follow when all is over.
    const [log, sidecarLog] = ['web', 'writer'].map((container) => house.cluster.transport.call<string>({ verb: 'get', resource: pods, namespace: 'default', name: 'sidecar', subresource: 'log', options: { query: { container: [container], follow: ['true'] } } }, AbortSignal.timeout(120_000)));
    const pod = await house.pod('sidecar');
    const pids = ['web', 'writer'].map((name) => mainProcess(house.dataDir, pod, name));
    await house.kubectl('delete', 'pod', 'sidecar', '--wait=false');
    const ending = await house.pod('sidecar');
    assert.ok(ending.metadata.deletionTimestamp);
    assert.equal(ending.metadata.deletionGracePeriodSeconds, 10);
    assert.match(await house.kubectl('get', 'pod', 'sidecar'), /Terminating/);
    await house.untilGone('sidecar');
    assert.match((await log)!, /preStop: no new requests, please/);
    assert.match((await sidecarLog)!, /writer: told to end/);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), /ESRCH/);
    const { stderr, code } = await house.tryKubectl(['get', 'pod', 'sidecar']);
    assert.equal(code, 1);
    assert.match(stderr, /Error from server \(NotFound\): pods "sidecar" not found/);
  });
});
