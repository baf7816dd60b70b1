// C15 init containers and sidecars, and C13 what the restart policy makes of an exit code; with stock kubectl.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Container, Pod, PodSpec } from '../../src/api/types.ts';
import { busybox, pod, stubborn, waits } from '../support/manifests.ts';
import { mainProcess, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const shell = (name: string, script: string, more: Partial<Container> = {}): Container => ({ name, image: busybox, command: ['sh', '-c', script], ...more }) as Container;
const shared = { volumes: [{ name: 'notes', emptyDir: {} }] };
const mount = { volumeMounts: [{ name: 'notes', mountPath: '/notes' }] };
const note = (word: string) => `echo ${word} >> /notes/all`;

describe('C13, C15 init containers and restart policies', () => {
  let house: RealCluster;
  const create = async (...manifests: object[]) => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }) });
    assert.equal(made.code, 0, made.stderr);
  };
  const phase = async (name: string, wanted: string) => (await house.untilPod(name, (now) => now?.status.phase === wanted))!;
  const shown = async (name: string) => (await house.kubectl('get', 'pod', name, '--no-headers')).replace(/\(.*\)/, '').split(/\s+/).slice(1, 4);
  const exit = (of: Pod) => of.status.containerStatuses![0]!.state?.terminated;

  const exits = (restartPolicy: string, code: number) => pod(`${restartPolicy.toLowerCase()}-${code}`, [{ command: ['sh', '-c', `exit ${code}`] }], { restartPolicy, terminationGracePeriodSeconds: 1 } as Partial<PodSpec>);

  before(async () => {
    house = await startRealCluster();
    await create(
      pod('ordered', [{ command: ['sh', '-c', `${note('app')}; cat /notes/all; sleep 3600`], ...mount }], { ...shared, terminationGracePeriodSeconds: 1, initContainers: ['one', 'two', 'three'].map((name) => shell(name, `${note(`${name}-begins`)}; sleep 0.3; ${note(`${name}-ends`)}`, mount)) }),
      pod('failed', [{}], { restartPolicy: 'Never', initContainers: [shell('bad', 'echo no >&2; exit 3'), shell('never', 'true')] }),
      pod('retried', [{ command: waits }], { ...shared, terminationGracePeriodSeconds: 1, initContainers: [shell('third-time', `${note('try')}; test $(wc -l < /notes/all) -ge 2`, mount)] }),
      pod('sidecar', [{ command: ['sh', '-c', `${note('app')}; sleep 1`], ...mount }], {
        ...shared, restartPolicy: 'Never', volumes: [{ name: 'notes', hostPath: { path: house.dataDir + '/notes', type: 'DirectoryOrCreate' } }],
        initContainers: ['first', 'second'].map((name) => shell(name, `sleep 0.5; trap '${note(`${name}-ended`)}; exit 0' TERM; touch /ready; ${note(`${name}-ready`)}; while true; do sleep 0.1 & wait $!; done`, {
          ...mount, restartPolicy: 'Always', startupProbe: { exec: { command: ['test', '-e', '/ready'] }, periodSeconds: 1 },
        })),
      }),
      pod('side-alive', [{ command: waits }], { terminationGracePeriodSeconds: 1, initContainers: [shell('side', 'exec sleep 3600', { restartPolicy: 'Always' })] }),
      exits('Never', 0), exits('Never', 1), exits('OnFailure', 0),
      pod('stuck-init', [{}], { terminationGracePeriodSeconds: 1, initContainers: [{ ...shell('i', ''), command: stubborn }] }),
    );
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('C15 they run one by one, each to its end, before the app', async () => {
    await house.untilReady('ordered');
    const order = ['one-begins', 'one-ends', 'two-begins', 'two-ends', 'three-begins', 'three-ends', 'app'];
    assert.deepEqual((await house.untilLogged('app\n', 'ordered')).trim().split('\n'), order);
  });

  test('C15 with restartPolicy Never a failing one fails the Pod, and nothing after it runs', async () => {
    const failed = await phase('failed', 'Failed');
    assert.equal(failed.status.initContainerStatuses![0]!.state?.terminated?.exitCode, 3);
    assert.equal(failed.status.initContainerStatuses![1]!.state?.waiting?.reason, 'PodInitializing');
    assert.equal(failed.status.containerStatuses![0]!.state?.waiting?.reason, 'PodInitializing');
    assert.deepEqual(await shown('failed'), ['0/1', 'Init:Error', '0']);
    assert.equal(await house.kubectl('logs', 'failed', '-c', 'bad'), 'no\n');
    assert.match((await house.tryKubectl(['logs', 'failed', '-c', 'c0'])).stderr, /container "c0" in pod "failed" is waiting to start: PodInitializing/);
  });

  test('C15 otherwise it is tried again until it succeeds', async () => {
    const done = await house.untilReady('retried');
    assert.equal(done.status.initContainerStatuses![0]!.restartCount, 1);
    assert.equal(done.status.initContainerStatuses![0]!.ready, true);
    assert.deepEqual((await shown('retried')).slice(0, 2), ['1/1', 'Running']);
  });

  test('C15, C30 sidecars start in order, each when the one before is up, and end last, in reverse, when the app is done', async () => {
    const done = await phase('sidecar', 'Succeeded');
    const { readFileSync } = await import('node:fs');
    assert.deepEqual(readFileSync(`${house.dataDir}/notes/all`, 'utf8').trim().split('\n'), ['first-ready', 'second-ready', 'app', 'second-ended', 'first-ended']);
    assert.deepEqual(done.status.initContainerStatuses!.map(({ state }) => state?.terminated?.exitCode), [0, 0]);
    assert.deepEqual(await shown('sidecar'), ['0/3', 'Completed', '0']);
  });

  test('C15 a sidecar that ends is started again, and the app is not', async () => {
    const up = await house.untilReady('side-alive');
    process.kill(mainProcess(house.dataDir, { ...up, status: { ...up.status, containerStatuses: up.status.initContainerStatuses! } }, 'side'), 'SIGKILL');
    const again = (await house.untilPod('side-alive', (now) => now?.status.initContainerStatuses?.[0]?.restartCount === 1 && now.status.initContainerStatuses[0].ready))!;
    assert.equal(again.status.initContainerStatuses![0]!.lastState?.terminated?.exitCode, 137);
    assert.equal(again.status.containerStatuses![0]!.restartCount, 0);
    assert.deepEqual((await shown('side-alive')).slice(0, 2), ['2/2', 'Running']);
  });

  for (const [name, wanted, code] of [['never-0', 'Succeeded', 0], ['never-1', 'Failed', 1], ['onfailure-0', 'Succeeded', 0]] as const) {
    test(`C13 ${name}: ${wanted}`, async () => {
      const ended = await phase(name, wanted);
      assert.equal(exit(ended)?.exitCode, code);
      assert.equal(exit(ended)?.reason, code ? 'Error' : 'Completed');
      assert.equal(ended.status.containerStatuses![0]!.restartCount, 0);
      assert.deepEqual(await shown(name), ['0/1', code ? 'Error' : 'Completed', '0']);
    });
  }

  for (const [restartPolicy, code] of [['Always', 0], ['Always', 1], ['OnFailure', 1]] as const) {
    const name = `${restartPolicy.toLowerCase()}-${code}`;
    test(`C13 ${name}: restarted at once, then CrashLoopBackOff`, async () => {
      // Made here: its first back-off is over after ten seconds.
      await create(exits(restartPolicy, code));
      const crashed = (await house.untilPod(name, (now) => now?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff'))!;
      const [status] = crashed.status.containerStatuses!;
      assert.equal(crashed.status.phase, 'Running');
      assert.equal(status!.restartCount, 1);
      assert.match(status!.state!.waiting!.message!, new RegExp(`^back-off 10s restarting failed container=c0 pod=${name}_default\\(${crashed.metadata.uid}\\)$`));
      assert.equal(status!.lastState?.terminated?.exitCode, code);
      assert.deepEqual(await shown(name), ['0/1', 'CrashLoopBackOff', '1']);
      assert.match(await house.kubectl('describe', 'pod', name), new RegExp(`Warning +BackOff .*Back-off restarting failed container c0 in pod ${name}_default\\(`));
    });
  }

  test('C26 a Pod whose init container runs can be deleted', async () => {
    await house.untilPod('stuck-init', (now) => Boolean(now?.status.initContainerStatuses?.[0]?.state?.running));
    await house.kubectl('delete', 'pod', 'stuck-init');
  });
});
