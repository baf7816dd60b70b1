// C33, C42 on the node: the agent stops and another takes up what it left. Real API server, real containers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { keyOf } from '../../src/client/client.ts';
import { sandboxSpec } from '../../src/runtime/testing/specs.ts';
import { cannotRun } from '../../src/runtime/testing/test-containerd.ts';
import { busybox, isReady, startNode, type NodeHarness } from './node-harness.ts';

const never = new AbortController().signal;
const stays = 'trap "exit 0" TERM; sleep 1000 & wait';
const stubborn = 'trap "" TERM; while true; do sleep 0.1; done';

describe('another agent on the same node', { skip: cannotRun }, () => {
  let node: NodeHarness;
  before(async () => {
    node = await startNode();
  });
  after(() => node.end());

  test('containers run on untouched, and so does their status', async () => {
    await node.create('lasting', { containers: [busybox('web', stays, { readinessProbe: { exec: { command: ['true'] }, timeoutSeconds: 10 } })] });
    const { pod } = await node.until('lasting', 'Ready', isReady);
    await node.stopAgent();
    await node.startAgent();
    await clock.sleep(1000, never);
    const found = await node.get('lasting');
    assert.deepEqual(found?.status.containerStatuses, pod.status.containerStatuses);
    assert.deepEqual(found?.status.conditions, pod.status.conditions);
    assert.deepEqual((await node.story('lasting')).map((line) => line.split(' ')[0]), ['Pulled', 'Created', 'Started']);
    await node.remove('lasting');
    await node.until('lasting', 'gone', (one) => !one);
  });

  test('C33 an ending that was broken off is taken up again with the full grace', async () => {
    await node.create('ending', { terminationGracePeriodSeconds: 8, containers: [busybox('web', stubborn)] });
    await node.until('ending', 'Ready', isReady);
    await node.remove('ending');
    await clock.sleep(2000, never);
    await node.stopAgent();
    assert.ok(await node.get('ending'));
    await node.startAgent();
    const { ms } = await node.until('ending', 'gone', (one) => !one);
    assert.ok(ms > 7000, `${ms} ms`);
  });

  test('what the API no longer knows is ended', async () => {
    await node.create('orphan', { terminationGracePeriodSeconds: 300, containers: [busybox('web', stubborn)] });
    const { pod } = await node.until('orphan', 'Ready', isReady);
    await node.stopAgent();
    await node.client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0 }, never);
    await node.startAgent();
    const deadline = clock.monotonicMs() + 60_000;
    while ((await node.containerd.runtime.observe(pod.metadata.uid, never)).sandboxes.length > 0) {
      assert.ok(clock.monotonicMs() < deadline, 'its sandbox goes');
      await clock.sleep(100, never);
    }
  });

  test('what comes to light later, of a Pod that nobody knows, is ended when the runtime was lost meanwhile', async () => {
    const { runtime, cgroupParent, logs, containerd } = node.containerd;
    await node.create('known', { containers: [busybox('web', stays)] });
    const { pod: known } = await node.until('known', 'Ready', isReady);
    // As a call leaves it that was cut off and yet came to its end.
    const unknown = { namespace: 'default', name: 'unknown', uid: 'uid-unknown' };
    await runtime.startSandbox(sandboxSpec(unknown, { logDirectory: logs, cgroupParent }), never);
    process.kill(containerd.pid, 'SIGKILL');
    const seen = async (uid: string) => (await runtime.observe(uid, never).catch(() => undefined))?.sandboxes.length;
    const deadline = clock.monotonicMs() + 60_000;
    while ((await seen(unknown.uid)) !== 0) {
      assert.ok(clock.monotonicMs() < deadline, 'its sandbox goes');
      await clock.sleep(100, never);
    }
    assert.equal(await seen(known.metadata.uid), 1);
    await node.remove('known');
    await node.until('known', 'gone', (one) => !one);
  });

  test('a finished Pod keeps its story and its logs', async () => {
    await node.create('finished', { restartPolicy: 'Never', containers: [busybox('web', 'echo done; echo bye > /dev/termination-log; exit 4')] });
    const { pod } = await node.until('finished', 'Failed', (one) => one?.status.phase === 'Failed');
    await node.stopAgent();
    await node.startAgent();
    await clock.sleep(1000, never);
    const { status } = (await node.get('finished'))!;
    assert.deepEqual([status.phase, status.containerStatuses], ['Failed', pod.status.containerStatuses]);
    assert.equal(pod.status.containerStatuses?.[0]?.state?.terminated?.message, 'bye\n');
    let text = '';
    const target = { namespace: 'default', name: 'finished', uid: pod.metadata.uid };
    for await (const chunk of node.agent.service.logs(target, 'web', { follow: false, previous: false, timestamps: false }, never)) text += Buffer.from(chunk);
    assert.equal(text, 'done\n');
    await node.remove('finished');
    await node.until('finished', 'gone', (one) => !one);
  });
});
