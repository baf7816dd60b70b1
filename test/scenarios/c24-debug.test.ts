// C24 ephemeral containers, `kubectl debug` and `run`, and logs that are followed by many.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import { flavours, startKubectl, type KubectlProcess } from '../support/kubectl-process.ts';
import { pod } from '../support/manifests.ts';
import { startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const quick = { terminationGracePeriodSeconds: 1 };
const [old, recent] = [flavours[0]!, flavours[1]!];
const inTerminal = { rows: 40, columns: 120 };

describe('C24 debug', () => {
  let house: RealCluster;
  const running: KubectlProcess[] = [];
  const start = (...all: Parameters<typeof startKubectl> extends [unknown, ...infer Rest] ? Rest : never) => {
    const started = startKubectl(house, ...all);
    running.push(started);
    return started;
  };

  before(async () => {
    house = await startRealCluster();
    const items = [
      pod('target', [{ command: ['sh', '-c', 'trap "exit 0" TERM; echo the target; sleep 3600 & wait $!'] }], quick, { app: 'target' }),
      pod('talks', [{ command: ['sh', '-c', 'i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i; sleep 0.1; done'] }, { command: ['echo', 'other'] }], { ...quick, restartPolicy: 'Never' }, { app: 'talks' }),
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  });
  after(async () => {
    for (const { child } of running) child.kill('SIGKILL');
    await house?.[Symbol.asyncDispose]();
  });

  test('C24 logs -f: forty followers, by name and by label, are told all to the end', async () => {
    await house.untilPod('talks', (now) => now?.status.containerStatuses?.every(({ state }) => state?.running !== undefined || state?.terminated !== undefined) ?? false);
    const lines = Array.from({ length: 30 }, (_, n) => `line ${n + 1}`);
    const paths = Array.from({ length: 38 }, () => house.cluster.transport.call<string>({ verb: 'get', resource: pods, namespace: 'default', name: 'talks', subresource: 'log', options: { query: { container: ['c0'], follow: ['true'] } } }, AbortSignal.timeout(60_000)));
    const followed = [old, recent].map((flavour) => start(flavour, ['logs', '-f', '-l', 'app=talks', '--all-containers', '--prefix']).ended);
    for (const text of await Promise.all(paths)) assert.deepEqual(text.trimEnd().split('\n'), lines);
    for (const { stdout } of await Promise.all(followed)) assert.deepEqual(stdout.trimEnd().split('\n').sort(), [...lines.map((line) => `[pod/talks/c0] ${line}`), '[pod/talks/c1] other'].sort());
  });

  test('C24 an ephemeral container sees the target’s processes, and its terminal is attached', async () => {
    await house.untilReady('target');
    const debug = start(recent, ['debug', '-it', 'target', '--image=localhost/busybox', '--target=c0', '-c', 'eye', '--', 'sh', '-c', 'read answer; ps; echo got $answer'], inTerminal);
    await debug.until(/If you don't see a command prompt/);
    debug.child.stdin.write('it\r');
    await debug.until(/sleep 3600[^]*got it/);
    await debug.ended;
    const seen = (await house.untilPod('target', (now) => Boolean(now?.status.ephemeralContainerStatuses?.[0]?.state?.terminated)))!;
    assert.equal(seen.status.ephemeralContainerStatuses![0]!.state!.terminated!.exitCode, 0);
    assert.equal(seen.status.containerStatuses![0]!.restartCount, 0);
  });

  test('C24 a copy of a Pod with a shared process namespace, and a Pod on the node that sees it whole', async () => {
    await house.kubectl('debug', 'target', '--copy-to=copy', '--image=localhost/busybox', '--share-processes', '-c', 'eye', '--', 'sleep', '3600');
    await house.untilReady('copy');
    assert.match(await house.kubectl('exec', 'copy', '-c', 'eye', '--', 'ps'), /pause/);
    const node = start(recent, ['debug', '-it', `node/${house.cluster.nodeName}`, '--image=localhost/busybox', '--', 'sh', '-c', 'read answer; ls -d /host/proc; echo first $(cat /proc/1/comm)'], inTerminal);
    await node.until(/If you don't see a command prompt/);
    node.child.stdin.write('go\r');
    const { stdout } = await node.ended;
    assert.match(stdout, /\/host\/proc\r?$/m);
    assert.ok(stdout.includes(`first ${readFileSync('/proc/1/comm', 'utf8').trim()}`), stdout);
  });

  for (const flavour of flavours) {
    test(`C24 ${flavour.name}: run -it --rm gives the exit code and leaves nothing`, async () => {
      const name = `ran-${flavours.indexOf(flavour)}`;
      const ran = start(flavour, ['run', '-it', '--rm', '--restart=Never', '--image=localhost/busybox', name, '--', 'sh', '-c', 'read word; echo said $word; exit 6'], inTerminal);
      await ran.until(/If you don't see a command prompt/);
      ran.child.stdin.write('hello\r');
      await ran.until(/said hello/);
      assert.equal((await ran.ended).code, 6);
      await house.untilGone(name);
    });
  }
});
