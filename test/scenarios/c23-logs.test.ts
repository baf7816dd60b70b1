// C23 logs and termination messages, and the deadline of a Pod, as stock kubectl old and new shows them.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { flavours, startKubectl } from '../support/kubectl-process.ts';
import { pod } from '../support/manifests.ts';
import { eventually, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const counts = (letter: string, then: string) => ({ command: ['sh', '-c', `for i in 1 2 3 4 5; do echo ${letter}$i; done; ${then}`] });
const stays = 'trap "exit 0" TERM; sleep 3600 & wait $!';

describe('C23 logs', () => {
  let house: RealCluster;
  const logs = async (...args: string[]) => (await house.kubectl('logs', ...args)).trimEnd().split('\n');
  const refusal = async (...args: string[]) => (await house.tryKubectl(['logs', ...args])).stderr.trim();

  before(async () => {
    house = await startRealCluster();
    const quick = { terminationGracePeriodSeconds: 1 };
    const never = { ...quick, restartPolicy: 'Never' };
    const items = [
      pod('two', [counts('a', stays), counts('b', stays)], { ...quick, initContainers: [{ name: 'first', image: 'localhost/busybox', command: ['echo', 'init'] }] }, { app: 'logs' }),
      pod('again', [{ command: ['sh', '-c', 'test -e /v/ran && { echo second; sleep 3600; }; echo first; touch /v/ran; exit 1'], volumeMounts: [{ name: 'v', mountPath: '/v' }] }], { ...quick, volumes: [{ name: 'v', emptyDir: {} }] }),
      pod('streams', [{ command: ['sh', '-c', 'echo out; sleep 1; echo err >&2'] }], never),
      pod('follows', [{ command: ['sh', '-c', 'for i in 1 2 3; do echo line$i; sleep 0.5; done; printf "no end"'] }], never),
      pod('long', [{ command: ['sh', '-c', 'head -c 100000 /dev/zero | tr "\\0" x; echo; echo end'] }], never),
      pod('message', [{ command: ['sh', '-c', 'echo from the log; printf "from the file" > /dev/termination-log; exit 3'] }], never),
      pod('fallback', [{ command: ['sh', '-c', 'echo from the log; exit 3'], terminationMessagePolicy: 'FallbackToLogsOnError' }], never),
      pod('fine', [{ command: ['sh', '-c', 'echo from the log'], terminationMessagePolicy: 'FallbackToLogsOnError' }], never),
      pod('deadline', [{ command: ['sleep', '3600'] }], { ...quick, activeDeadlineSeconds: 5 }),
      pod('shortened', [{ command: ['sleep', '3600'] }], { ...quick, activeDeadlineSeconds: 3600 }),
      // More than a log file may hold, at once; then a line now and then, so that someone can follow.
      pod('big', [{ command: ['sh', '-c', 'i=0; head -c 11000000 /dev/zero | tr "\\0" x | fold -w 10000; echo; while true; do i=$((i+1)); echo line$i; sleep 0.2; done'] }], quick),
      pod('no-image', [{ image: 'localhost/none' }], quick),
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('of one container, of all, of a label; with tail, limit, prefix and times', async () => {
    await house.untilReady('two');
    await Promise.all([house.untilLogged('a5\n', 'two', '-c', 'c0'), house.untilLogged('b5\n', 'two', '-c', 'c1')]);
    const [a, b] = ['a', 'b'].map((letter) => [1, 2, 3, 4, 5].map((n) => `${letter}${n}`)) as [string[], string[]];
    assert.deepEqual(await logs('two', '-c', 'c0'), a);
    assert.deepEqual(await logs('two'), a, 'the first is the default');
    assert.deepEqual((await logs('two', '--all-containers')).sort(), [...a, ...b, 'init']);
    assert.deepEqual(await logs('two', '-c', 'first'), ['init']);
    assert.deepEqual(await logs('two', '-c', 'c1', '--tail=2'), ['b4', 'b5']);
    assert.deepEqual(await logs('two', '-c', 'c1', '--limit-bytes=4'), ['b1', 'b']);
    assert.deepEqual((await logs('-l', 'app=logs', '--all-containers', '--tail=1', '--prefix')).sort(), ['[pod/two/c0] a5', '[pod/two/c1] b5', '[pod/two/first] init']);
    const [line] = await logs('two', '-c', 'c0', '--timestamps', '--tail=1');
    assert.match(line!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z a5$/);
    assert.deepEqual(await logs('two', '-c', 'c0', '--since=1h'), a);
    assert.deepEqual(await logs('two', '-c', 'c0', `--since-time=${new Date(Date.now() + 60_000).toISOString()}`), ['']);
    assert.equal((await house.tryKubectl(['logs', 'two', '-c', 'c0', '--tail=1'], { version: '1.20' })).stdout, 'a5\n');
  });

  test('of the previous run', async () => {
    await house.untilPod('again', (now) => now?.status.containerStatuses?.[0]?.restartCount === 1 && Boolean(now.status.containerStatuses[0].state?.running));
    assert.deepEqual(await logs('again', '--previous'), ['first']);
    assert.equal(await house.untilLogged('second', 'again'), 'second\n');
    assert.equal(await refusal('two', '-c', 'c0', '--previous'), 'Error from server (BadRequest): previous terminated container "c0" in pod "two" not found');
  });

  test('followed to the end, also by a watcher that came late', async () => {
    await house.untilPod('follows', (now) => Boolean(now?.status.containerStatuses?.[0]?.state?.running ?? now?.status.containerStatuses?.[0]?.state?.terminated));
    const followed = ['1.20', '1.36'].map((version) => house.tryKubectl(['logs', '-f', 'follows'], { version: version as '1.20' }));
    for (const { stdout, code } of await Promise.all(followed)) assert.deepEqual([code, stdout], [0, 'line1\nline2\nline3\nno end']);
  });

  test('both streams, in order; lines of any length', async () => {
    await house.untilPod('streams', (now) => now?.status.phase === 'Succeeded');
    assert.deepEqual(await logs('streams'), ['out', 'err']);
    for (const [stream, text] of [['Stdout', 'out\n'], ['Stderr', 'err\n'], ['All', 'out\nerr\n']]) assert.equal(await house.kubectl('get', '--raw', `/api/v1/namespaces/default/pods/streams/log?stream=${stream}`), text);
    await house.untilPod('long', (now) => now?.status.phase === 'Succeeded');
    assert.deepEqual((await logs('long')).map((line) => line.length), [100_000, 3]);
    assert.deepEqual(await logs('long', '--tail=1'), ['end']);
  });

  test('what cannot be had says why', async () => {
    assert.equal(await refusal('two', '-c', 'none'), 'error: container none is not valid for pod two out of: c0, c1, first (init)');
    assert.match(await refusal('nowhere'), /pods "nowhere" not found/);
    await house.untilPod('no-image', (now) => now?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImageNeverPull');
    assert.match(await refusal('no-image'), /container "c0" in pod "no-image" is waiting to start: /);
    for (const [query, message] of [['tailLines=-1', 'tailLines: Invalid value: -1'], ['tailLines=x', 'parsing "x"'], ['sinceSeconds=0', 'sinceSeconds: Invalid value: 0'], ['limitBytes=-1', 'limitBytes: Invalid value'], ['sinceTime=soon', 'soon']]) {
      const raw = await house.tryKubectl(['get', '--raw', `/api/v1/namespaces/default/pods/two/log?container=c0&${query}`]);
      assert.ok(raw.code !== 0 && raw.stderr.includes(message!), `${query}: ${raw.stdout}${raw.stderr}`);
    }
  });

  test('termination messages: of the file, of the log when it failed', async () => {
    const message = async (name: string, phase: string) => (await house.untilPod(name, (now) => now?.status.phase === phase))!.status.containerStatuses![0]!.state?.terminated?.message;
    assert.equal(await message('message', 'Failed'), 'from the file');
    assert.equal(await message('fallback', 'Failed'), 'from the log\n');
    assert.equal(await message('fine', 'Succeeded'), undefined);
  });

  test('activeDeadlineSeconds fails the Pod and says so', async () => {
    const failed = (await house.untilPod('deadline', (now) => now?.status.phase === 'Failed'))!;
    assert.deepEqual([failed.status.reason, failed.status.message], ['DeadlineExceeded', 'Pod was active on the node longer than the specified deadline']);
    assert.ok(failed.status.containerStatuses![0]!.state?.terminated);
    await eventually('the event', async () => /Warning +DeadlineExceeded +.*Pod was active on the node longer than the specified deadline/.test(await house.kubectl('describe', 'pod', 'deadline')));
    // A deadline may come nearer while the Pod runs, and counts from its start.
    await house.untilReady('shortened');
    await house.kubectl('patch', 'pod', 'shortened', '-p', '{"spec":{"activeDeadlineSeconds":1}}');
    const { status } = (await house.untilPod('shortened', (now) => now?.status.phase === 'Failed'))!;
    assert.deepEqual([status.reason, status.containerStatuses![0]!.state?.terminated?.exitCode], ['DeadlineExceeded', 137]);
  });

  test('a log that has grown too large is set aside, and who follows it goes on in the new one', { skip: onDocker }, async () => {
    const { metadata } = await house.untilReady('big');
    const directory = join(house.dataDir, 'node', 'logs', `default_big_${metadata.uid}`, 'c0');
    await eventually('the large part is written', async () => (await logs('big', '--tail=1'))[0]!.startsWith('line'), 60_000);
    const following = startKubectl(house, flavours[1]!, ['logs', '-f', '--tail=1', 'big']);
    await following.until(/line\d+\n/);
    await eventually('it is set aside', () => readdirSync(directory).length === 2, 60_000);
    const newest = Number((await house.untilLogged('line', 'big', '--tail=1')).trim().slice(4)) + 3;
    await following.until(new RegExp(`line${newest}\n`));
    assert.ok(statSync(join(directory, '0.log')).size < 1_000_000);
    following.child.kill('SIGKILL');
    const numbers = (await following.ended).stdout.split('\n').slice(0, -1).map((line) => Number(line.slice(4)));
    assert.deepEqual(numbers, Array.from(numbers, (_, index) => numbers[0]! + index), 'no line is missing and none comes twice');
  });
});
