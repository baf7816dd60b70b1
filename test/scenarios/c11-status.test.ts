// C11 a Pod's status, as a watcher sees all of it: nothing goes back that may not, and all that is told fits together.
// C13 restart in place, with whatever policy and exit; C14 the sandbox dies.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import type { ContainerStatus, Pod } from '../../src/api/types.ts';
import { pod } from '../support/manifests.ts';
import { eventually, mainProcess, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const quick = { terminationGracePeriodSeconds: 1 };
const exits = (code: number) => ({ command: ['sh', '-c', `exit ${code}`] });
/** `$$$$`: the shell gets two of them. */
const kills = (signal: string) => ({ command: ['sh', '-c', `kill -${signal} $$$$; sleep 10`] });

describe('C11 status', () => {
  let house: RealCluster;
  /** Every state of every Pod since the start, as watched. */
  const lives = new Map<string, Pod[]>();
  const watching = new AbortController();
  let watched: Promise<void>;

  before(async () => {
    house = await startRealCluster();
    watched = (async () => {
      try {
        for await (const event of house.cluster.client.watch(pods, { namespace: 'default', resourceVersion: '0' }, watching.signal)) {
          if (event.type === 'BOOKMARK' || event.type === 'ERROR') continue;
          const { name } = event.object.metadata;
          lives.set(name, [...(lives.get(name) ?? []), event.object]);
        }
      } catch (error) {
        if (!watching.signal.aborted) throw error;
      }
    })();
    const rule = (values: number[]) => ({ restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values } }] });
    const once = (code: number) => ({ command: ['sh', '-c', `test -e /v/ran && exec sleep 3600; touch /v/ran; exit ${code}`], volumeMounts: [{ name: 'v', mountPath: '/v' }] });
    const volumes = [{ name: 'v', emptyDir: {} }];
    const items = [
      pod('lives', [{}, { readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }], { ...quick, volumes, initContainers: [
        { name: 'first', image: 'localhost/busybox', command: ['sh', '-c', 'sleep 0.3'] },
        { name: 'side', image: 'localhost/busybox', restartPolicy: 'Always', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait $!'], startupProbe: { exec: { command: ['true'] }, periodSeconds: 1 } },
      ] }),
      pod('fails', [exits(3), exits(0), kills('TERM'), kills('KILL')], { ...quick, restartPolicy: 'Never', shareProcessNamespace: true }),
      pod('succeeds', [exits(0), exits(0)], { ...quick, restartPolicy: 'OnFailure' }),
      pod('init-fails', [{}], { ...quick, restartPolicy: 'Never', initContainers: [{ name: 'first', image: 'localhost/busybox', command: ['false'] }] }),
      pod('again', [once(7)], { ...quick, volumes }),
      pod('again-success', [once(0)], { ...quick, volumes }),
      pod('again-failure', [once(7)], { ...quick, restartPolicy: 'OnFailure', volumes }),
      pod('again-rule', [{ ...once(42), restartPolicy: 'Never', ...rule([42]) } as never, { ...exits(41), restartPolicy: 'Never', ...rule([42]) } as never], { ...quick, restartPolicy: 'Never', volumes }),
      pod('again-init', [{}], { ...quick, restartPolicy: 'OnFailure', volumes, initContainers: [{ name: 'first', image: 'localhost/busybox', command: ['sh', '-c', 'test -e /v/ran && exit 0; touch /v/ran; exit 5'], volumeMounts: [{ name: 'v', mountPath: '/v' }] }] }),
      pod('crashes', [exits(9)], quick),
      pod('orphaned', [{ volumeMounts: [{ name: 'v', mountPath: '/v' }] }], { ...quick, volumes }),
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  });
  after(async () => {
    watching.abort();
    await watched;
    await house?.[Symbol.asyncDispose]();
  });

  const condition = (of: Pod, type: string) => of.status.conditions?.find((one) => one.type === type);
  const statuses = ({ status }: Pod): ContainerStatus[] => [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const first = (of: Pod | undefined) => of?.status.containerStatuses?.[0];
  const restarted = (name: string) => house.untilPod(name, (now) => first(now)?.restartCount === 1 && Boolean(first(now)?.state?.running)) as Promise<Pod>;

  /** The process that holds the sandbox: of those in the Pod's cgroup the one that is in no container. */
  function pausePid(of: Pod): number {
    const main = mainProcess(house.dataDir, of, 'c0');
    const sandbox = readlinkSync(`/proc/${main}/ns/net`);
    const read = (path: string) => {
      try {
        return path.endsWith('net') ? readlinkSync(path) : readFileSync(path, 'utf8');
      } catch {
        return '';
      }
    };
    const id = first(of)!.containerID!.replace(/^.*\/\//, '');
    return Number(readdirSync('/proc').find((pid) => /^\d+$/.test(pid) && read(`/proc/${pid}/ns/net`) === sandbox && read(`/proc/${pid}/cgroup`).includes(of.metadata.uid) && !read(`/proc/${pid}/cgroup`).includes(id)));
  }

  /** What must hold of each state and of each step from one to the next. */
  function checkLife(name: string): readonly Pod[] {
    const life = lives.get(name)!;
    for (const now of life) {
      const { status, metadata } = now;
      if (!status.startTime) continue;
      assert.equal(status.observedGeneration, metadata.generation! - (metadata.deletionTimestamp && status.observedGeneration !== metadata.generation ? 1 : 0));
      const types = status.conditions!.map(({ type }) => type).sort();
      assert.deepEqual(types, ['ContainersReady', 'Initialized', 'PodReadyToStartContainers', 'PodScheduled', 'Ready'], 'each condition once');
      for (const one of status.conditions!) assert.ok(one.lastTransitionTime && one.observedGeneration, JSON.stringify(one));
      if (condition(now, 'Ready')?.status === 'True') assert.equal(condition(now, 'ContainersReady')?.status, 'True');
      if (condition(now, 'ContainersReady')?.status === 'True') assert.ok(status.containerStatuses!.every(({ ready }) => ready));
      if (status.containerStatuses?.some(({ state }) => state?.running)) assert.deepEqual([condition(now, 'Initialized')?.status, condition(now, 'PodReadyToStartContainers')?.status], ['True', 'True']);
      for (const { ready, started, state, containerID, resources, imageID } of statuses(now)) {
        assert.equal(Object.keys(state!).length, 1);
        if (ready && state?.running) assert.ok(started);
        if (state?.running) assert.ok(containerID && imageID && resources && state.running.startedAt);
        if (state?.terminated) assert.ok(state.terminated.reason && (state.terminated.finishedAt || state.terminated.reason === 'ContainerStatusUnknown'));
      }
    }
    for (let index = 1; index < life.length; index++) {
      const [old, now] = [life[index - 1]!, life[index]!];
      const order = ['Pending', 'Running', 'Succeeded', 'Failed'];
      assert.ok(order.indexOf(now.status.phase!) >= order.indexOf(old.status.phase!), `${old.status.phase} → ${now.status.phase}`);
      for (const { type, status, lastTransitionTime } of now.status.conditions ?? []) {
        const was = condition(old, type);
        if (was?.status === status) assert.equal(lastTransitionTime, was.lastTransitionTime, `${type} has not changed`);
        if (type === 'PodScheduled' || type === 'Initialized') assert.ok(was?.status !== 'True' || status === 'True', `${type} stays`);
      }
      for (const status of statuses(now)) {
        const was = statuses(old).find((one) => one.name === status.name);
        assert.ok(status.restartCount >= (was?.restartCount ?? 0));
        if (status.restartCount > (was?.restartCount ?? 0)) assert.ok(status.lastState?.terminated, 'what ended before is told');
        if (was?.state?.running && status.state?.waiting && !status.lastState?.terminated) assert.fail('from running to waiting there is an end');
      }
      if (old.status.podIP) assert.equal(now.status.podIP, old.status.podIP);
      if (old.status.startTime) assert.equal(now.status.startTime, old.status.startTime);
      assert.equal(now.status.qosClass, life[0]!.status.qosClass);
    }
    return life;
  }

  test('C11 a life from Pending to its end never goes back, and no condition flaps', async () => {
    await house.untilReady('lives');
    await house.kubectl('delete', 'pod', 'lives');
    const life = checkLife('lives');
    const changes = (type: string) => life.map((now) => condition(now, type)?.status).filter((status, index, all) => status !== undefined && status !== all[index - 1]);
    assert.deepEqual(changes('PodScheduled').at(-1), 'True');
    for (const type of ['Initialized', 'PodReadyToStartContainers', 'Ready', 'ContainersReady']) {
      assert.ok(changes(type).join(' ').match(type === 'Initialized' ? /^(False )?True$/ : /^(False )?True( False)?$/), `${type}: ${changes(type).join(' ')}`);
    }
    const up = life.find((now) => condition(now, 'Ready')?.status === 'True')!;
    assert.deepEqual([up.status.qosClass, up.status.hostIPs![0]!.ip, up.status.podIPs![0]!.ip], ['BestEffort', up.status.hostIP, up.status.podIP]);
    const [init, side] = up.status.initContainerStatuses!;
    assert.deepEqual([init!.state?.terminated?.reason, init!.ready, side!.started, side!.ready], ['Completed', true, true, true]);
    assert.deepEqual(up.status.containerStatuses![0]!.volumeMounts!.map(({ mountPath, readOnly, recursiveReadOnly }) => [mountPath, readOnly, recursiveReadOnly]), [['/var/run/secrets/kubernetes.io/serviceaccount', true, 'Disabled']]);
  });

  test('C11 exit codes and their reasons: 0 Completed, all others Error, signals above 128', async () => {
    const ended = (await house.untilPod('fails', (now) => now?.status.phase === 'Failed'))!;
    const told = ended.status.containerStatuses!.map(({ state, ready, started }) => [state?.terminated?.exitCode, state?.terminated?.reason, ready, started]);
    assert.deepEqual(told, [[3, 'Error', false, false], [0, 'Completed', false, false], [143, 'Error', false, false], [137, 'Error', false, false]]);
    assert.deepEqual([condition(ended, 'Ready')?.reason, condition(ended, 'Initialized')?.status], ['PodFailed', 'True']);
    const done = (await house.untilPod('succeeds', (now) => now?.status.phase === 'Succeeded'))!;
    assert.deepEqual(['Ready', 'ContainersReady', 'Initialized'].map((type) => [condition(done, type)?.status, condition(done, type)?.reason]), [['False', 'PodCompleted'], ['False', 'PodCompleted'], ['True', 'PodCompleted']]);
    const never = (await house.untilPod('init-fails', (now) => now?.status.phase === 'Failed'))!;
    assert.deepEqual([condition(never, 'Initialized')?.message, first(never)?.state?.waiting?.reason], ['containers with incomplete status: [first]', 'PodInitializing']);
    for (const name of ['fails', 'succeeds', 'init-fails']) checkLife(name);
  });

  test('C13 policies and exits: what restarts does so in place, with what it ended with as lastState', async () => {
    for (const [name, code] of [['again', 7], ['again-success', 0], ['again-failure', 7], ['again-rule', 42]] as const) {
      const now = await restarted(name);
      assert.deepEqual([first(now)?.lastState?.terminated?.exitCode, first(now)?.lastState?.terminated?.reason], [code, code === 0 ? 'Completed' : 'Error'], name);
      checkLife(name);
    }
    const ruled = await house.pod('again-rule');
    assert.deepEqual([ruled.status.containerStatuses![1]!.state?.terminated?.exitCode, ruled.status.containerStatuses![1]!.restartCount, ruled.status.phase], [41, 0, 'Running']);
    const [init] = (await house.untilReady('again-init')).status.initContainerStatuses!;
    assert.deepEqual([init!.restartCount, init!.state?.terminated?.exitCode, init!.lastState?.terminated?.exitCode], [1, 0, 5]);
    checkLife('again-init');
  });

  test('C13 CrashLoopBackOff: the first ten seconds, in the words of the kubelet', async () => {
    // It has begun with the others, and may be further by now: as it was watched.
    const watchedTo = async (what: string, condition: (now: Pod) => boolean) => {
      await eventually(what, () => lives.get('crashes')?.some(condition) ?? false);
      return lives.get('crashes')!.find(condition)!;
    };
    const waits = await watchedTo('the first back-off', (now) => first(now)?.state?.waiting?.reason === 'CrashLoopBackOff');
    assert.equal(first(waits)!.state!.waiting!.message, `back-off 10s restarting failed container=c0 pod=crashes_default(${waits.metadata.uid})`);
    assert.deepEqual([first(waits)!.restartCount, first(waits)!.lastState?.terminated?.exitCode, waits.status.phase], [1, 9, 'Running']);
    const next = await watchedTo('the second restart', (now) => first(now)?.restartCount === 2);
    const ended = Date.parse(first(waits)!.lastState!.terminated!.finishedAt as unknown as string);
    const began = first(next)!.lastState!.terminated! && (first(next)!.state?.running?.startedAt ?? first(next)!.lastState!.terminated!.startedAt);
    if (first(next)!.state?.running) assert.ok(Date.parse(began as unknown as string) - ended >= 9000, `${began}`);
    await watchedTo('the second back-off', (now) => first(now)?.state?.waiting?.message?.startsWith('back-off 20s ') ?? false);
    checkLife('crashes');
  });

  test('C14 the sandbox dies: another one, the same Pod, the same volumes', { skip: onDocker }, async () => {
    const before = await house.untilReady('orphaned');
    await house.kubectl('exec', 'orphaned', '--', 'touch', '/v/kept');
    process.kill(pausePid(before), 'SIGKILL');
    const now = (await house.untilPod('orphaned', (one) => first(one)?.restartCount === 1 && Boolean(first(one)?.ready)))!;
    assert.deepEqual([now.metadata.uid, now.status.phase], [before.metadata.uid, 'Running']);
    await house.kubectl('exec', 'orphaned', '--', 'test', '-e', '/v/kept');
    const life = lives.get('orphaned')!;
    assert.ok(life.every(({ status }) => status.phase !== 'Failed'));
    const { items } = JSON.parse(await house.kubectl('get', 'events', '--field-selector', 'involvedObject.name=orphaned,reason=SandboxChanged', '-o', 'json'));
    assert.equal(items[0]?.message, 'Pod sandbox changed, it will be killed and re-created.');
  });
});
