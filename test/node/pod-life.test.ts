// A Pod's life on one node: real API server, real agent, real containers.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { configMaps } from '../../src/api/kinds/config-map.ts';
import { pods as podsOf } from '../../src/api/kinds/pod.ts';
import { secrets } from '../../src/api/kinds/secret.ts';
import type { ConfigMap, New, Pod, Secret } from '../../src/api/types.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { keyOf } from '../../src/client/client.ts';
import { cannotRun } from '../../src/runtime/testing/test-containerd.ts';
import { busybox, isReady, startNode, type NodeHarness } from './node-harness.ts';

const never = new AbortController().signal;
const stays = 'trap "exit 0" TERM; sleep 1000 & wait';

/** A process of the container, found by its cgroup. */
function containerPid(containerID: string): string {
  const id = containerID.replace(/^.*\/\//, '');
  return readdirSync('/proc').find((name) => /^\d+$/.test(name) && readIfThere(`/proc/${name}/cgroup`).includes(id))!;
}

/** What the kernel keeps to, so many levels above the process' own cgroup; version 1's words. */
function cgroupValues(pid: number, above: number): { shares: number; quotaUs: number; memoryBytes: number } {
  const lines = readIfThere(`/proc/${pid}/cgroup`).split('\n').map((line) => line.split(':'));
  const of = (controller: string, file: string) => {
    const path = lines.find(([, controllers = '']) => controllers.split(',').includes(controller))?.[2];
    return path === undefined ? undefined : readIfThere(join('/sys/fs/cgroup', controller, path, '../'.repeat(above), file)).trim();
  };
  const unified = (file: string) => readIfThere(join('/sys/fs/cgroup', lines.find(([id]) => id === '0')?.[2] ?? '', '../'.repeat(above), file)).trim();
  return {
    shares: Number(of('cpu', 'cpu.shares') ?? 2 + Math.round(((Number(unified('cpu.weight')) - 1) * 262_142) / 9999)),
    quotaUs: Number(of('cpu', 'cpu.cfs_quota_us') ?? unified('cpu.max').split(' ')[0]),
    memoryBytes: Number(of('memory', 'memory.limit_in_bytes') ?? unified('memory.max')),
  };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

describe('a Pod on its node', { skip: cannotRun, concurrency: true }, () => {
  let node: NodeHarness;
  before(async () => {
    node = await startNode();
  });
  after(() => node.end());

  const status = (pod: Pod | undefined, name: string) => [...(pod?.status.containerStatuses ?? []), ...(pod?.status.initContainerStatuses ?? [])].find((one) => one.name === name);
  const waitingFor = (name: string, reason: string) => (pod: Pod | undefined) => status(pod, name)?.state?.waiting?.reason === reason;
  const phase = (wanted: string) => (pod: Pod | undefined) => pod?.status.phase === wanted;

  async function logOf(pod: Pod, container: string, options: object = {}): Promise<string> {
    const chunks: Uint8Array[] = [];
    const target = { namespace: 'default', name: pod.metadata.name, uid: pod.metadata.uid };
    for await (const chunk of node.agent.service.logs(target, container, { follow: false, previous: false, timestamps: false, ...options }, never)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  async function run(pod: Pod, container: string, script: string): Promise<{ code: number; out: string }> {
    let out = '';
    const stdout = new Writable({ write: (chunk, _, done) => ((out += chunk), done()) });
    const target = { namespace: 'default', name: pod.metadata.name, uid: pod.metadata.uid };
    const code = await node.agent.service.exec(target, container, ['sh', '-c', script], { stdout, tty: false }, never);
    return { code, out };
  }

  test('runs, tells its story, and ends within its grace', async () => {
    await node.create('plain', { terminationGracePeriodSeconds: 300, containers: [busybox('web', stays)] });
    const { pod } = await node.until('plain', 'Ready', isReady);
    assert.equal(pod.status.phase, 'Running');
    assert.match(pod.status.podIP ?? '', /^10\./);
    assert.equal(pod.status.qosClass, 'BestEffort');
    await node.remove('plain');
    await node.until('plain', 'gone', (one) => !one);
    const story = await node.story('plain');
    assert.deepEqual(story.map((line) => line.split(' ')[0]), ['Pulled', 'Created', 'Started', 'Killing']);
    assert.ok(!existsSync(`${node.dataDir}/pods/${pod.metadata.uid}`));
  });

  test('environment, volumes and names reach the containers', async () => {
    await node.client.create(configMaps, { metadata: { name: 'settings', namespace: 'default' }, data: { colour: 'red', shape: 'round' } } as New<ConfigMap>, never);
    await node.client.create(secrets, { metadata: { name: 'key', namespace: 'default' }, data: { token: Buffer.from('geheim').toString('base64') } } as New<Secret>, never);
    await node.create('furnished', {
      subdomain: 'sub',
      securityContext: { fsGroup: 2000 },
      containers: [busybox('one', stays, {
        env: [
          { name: 'PLAIN', value: 'a' }, { name: 'BOTH', value: '$(PLAIN)-$(COLOUR)-$$(PLAIN)' },
          { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
          { name: 'LATER', value: '$(COLOUR)' },
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
        ],
        envFrom: [{ secretRef: { name: 'key' }, prefix: 'S_' }],
        resources: { limits: { memory: '64Mi', cpu: '500m' } },
        volumeMounts: [
          { name: 'scratch', mountPath: '/scratch' }, { name: 'scratch', mountPath: '/part', subPath: 'a/b' }, { name: 'memory', mountPath: '/memory' },
          { name: 'settings', mountPath: '/settings' }, { name: 'all', mountPath: '/all' }, { name: 'self', mountPath: '/self' },
        ],
      }), busybox('two', stays, { volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] })],
      volumes: [
        { name: 'scratch', emptyDir: {} }, { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
        { name: 'settings', configMap: { name: 'settings' } },
        { name: 'all', projected: { sources: [
          { secret: { name: 'key', items: [{ key: 'token', path: 'deep/token' }] } }, { configMap: { name: 'settings' } },
        ] } },
        { name: 'self', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      ],
    }, { labels: { app: 'x' } });
    const { pod } = await node.until('furnished', 'Ready', isReady);
    assert.equal(pod.status.qosClass, 'Burstable');
    const { out } = await run(pod, 'one', 'echo $PLAIN $BOTH $LATER $IP $CPU $S_token; hostname; cat /settings/colour; echo; cat /all/deep/token; echo; cat /self/labels; echo; echo hi > /part/file; mount | grep -c " /memory type tmpfs"; stat -c %g /scratch');
    assert.deepEqual(out.trim().split('\n'), [`a a-$(COLOUR)-$(PLAIN) red ${pod.status.podIP} 64 geheim`, 'furnished', 'red', 'geheim', 'app="x"', '1', '2000']);
    assert.equal((await run(pod, 'two', 'cat /scratch/a/b/file')).out, 'hi\n');
    assert.match((await run(pod, 'one', 'cat /etc/hosts')).out, new RegExp(`${pod.status.podIP}\tfurnished.sub.default.svc.cluster.local\tfurnished`));
    assert.match((await run(pod, 'one', 'cat /etc/resolv.conf')).out, /search default.svc.cluster.local svc.cluster.local cluster.local[\s\S]*nameserver 10.96.0.10[\s\S]*ndots:5/);
    const settings = await node.client.get(configMaps, { namespace: 'default', name: 'settings' }, never);
    await node.client.update(configMaps, { ...settings, data: { colour: 'blue' } }, never);
    const deadline = clock.monotonicMs() + 60_000;
    while ((await run(pod, 'one', 'cat /settings/colour; ls /settings')).out !== 'bluecolour\n') assert.ok(clock.monotonicMs() < deadline, 'the change arrives');
    await node.remove('furnished');
    await node.until('furnished', 'gone', (one) => !one);
  });

  test('a missing ConfigMap holds the container back until it is there', async () => {
    await node.create('waiting', { containers: [busybox('web', stays, { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'late', key: 'a' } } }] })] });
    const { pod } = await node.until('waiting', 'CreateContainerConfigError', waitingFor('web', 'CreateContainerConfigError'));
    assert.equal(status(pod, 'web')?.state?.waiting?.message, 'configmap "late" not found');
    await node.client.create(configMaps, { metadata: { name: 'late', namespace: 'default' }, data: { a: '1' } } as New<ConfigMap>, never);
    await node.until('waiting', 'Ready', isReady);
    await node.remove('waiting');
  });

  test('init containers run in order, a sidecar first and to the end', async () => {
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    await node.create('ordered', {
      restartPolicy: 'Never',
      initContainers: [
        busybox('sidecar', 'echo sidecar >> /v/log; trap "echo sidecar-term >> /v/log; exit 0" TERM; sleep 1000 & wait', { restartPolicy: 'Always', volumeMounts }),
        busybox('first', 'echo first >> /v/log', { volumeMounts }), busybox('second', 'echo second >> /v/log', { volumeMounts }),
      ],
      containers: [busybox('app', 'echo app >> /v/log; sleep 1; cat /v/log; echo bye > /dev/termination-log; exit 3', { volumeMounts })],
      volumes: [{ name: 'v', emptyDir: {} }],
    });
    const { pod } = await node.until('ordered', 'Failed', (one) => phase('Failed')(one) && Boolean(status(one, 'sidecar')?.state?.terminated));
    assert.equal(await logOf(pod, 'app'), 'sidecar\nfirst\nsecond\napp\n');
    assert.equal(status(pod, 'app')?.state?.terminated?.exitCode, 3);
    assert.equal(status(pod, 'app')?.state?.terminated?.message, 'bye\n');
    assert.equal(status(pod, 'first')?.ready, true);
    await node.remove('ordered');
    await node.until('ordered', 'gone', (one) => !one);
  });

  test('a failing container is restarted at once, then backs off; its Pod keeps UID, IP and volumes', async () => {
    await node.create('crashing', { containers: [busybox('web', 'echo run >> /v/runs; cat /v/runs; exit 1', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })], volumes: [{ name: 'v', emptyDir: {} }] });
    const { pod } = await node.until('crashing', 'CrashLoopBackOff', waitingFor('web', 'CrashLoopBackOff'));
    assert.equal(status(pod, 'web')?.restartCount, 1);
    assert.equal(status(pod, 'web')?.lastState?.terminated?.exitCode, 1);
    assert.match(status(pod, 'web')?.state?.waiting?.message ?? '', /^back-off 10s restarting failed container=web pod=crashing_default\(/);
    assert.equal(await logOf(pod, 'web'), 'run\nrun\n');
    const again = await node.until('crashing', 'third run', (one) => status(one, 'web')?.restartCount === 2);
    assert.equal(again.pod.status.podIP, pod.status.podIP);
    await node.remove('crashing');
    await node.until('crashing', 'gone', (one) => !one);
  });

  test('probes: readiness, liveness kills, startup holds the others back', async () => {
    await node.create('probed', {
      containers: [busybox('web', `${stays}`, {
        startupProbe: { exec: { command: ['sh', '-c', 'test -f /tmp/started || { touch /tmp/started; exit 1; }'] }, periodSeconds: 1, failureThreshold: 5, timeoutSeconds: 5 },
        readinessProbe: { exec: { command: ['test', '-f', '/tmp/ready'] }, periodSeconds: 1, timeoutSeconds: 5 },
        livenessProbe: { exec: { command: ['sh', '-c', '! test -f /tmp/dead'] }, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 5 },
      })],
    });
    const { pod } = await node.until('probed', 'started', (one) => status(one, 'web')?.started === true);
    assert.equal(isReady(pod), false);
    await run(pod, 'web', 'touch /tmp/ready');
    await node.until('probed', 'Ready', isReady);
    await run(pod, 'web', 'rm /tmp/ready; touch /tmp/dead');
    await node.until('probed', 'restarted', (one) => status(one, 'web')?.restartCount === 1);
    const story = await node.story('probed');
    assert.ok(story.includes('Killing Container web failed liveness probe, will be restarted'), story.join('\n'));
    assert.ok(story.some((line) => line.startsWith('Unhealthy Startup probe failed: ')));
    await node.remove('probed');
    await node.until('probed', 'gone', (one) => !one);
  });

  test('preStop runs before the signal; a hook that takes all the time gives two seconds more', async () => {
    const volume = { name: 'v', hostPath: { path: `${node.containerd.directory}/shared`, type: 'DirectoryOrCreate' } };
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    await node.create('hooked', {
      containers: [
        busybox('quick', 'trap "echo term >> /v/quick; exit 0" TERM; sleep 1000 & wait', { volumeMounts, lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo hook >> /v/quick'] } } } }),
        busybox('slow', 'trap "echo term >> /v/slow" TERM; while true; do sleep 0.1; done', { volumeMounts, lifecycle: { preStop: { exec: { command: ['sleep', '100'] } } } }),
      ],
      volumes: [volume],
    });
    const { pod } = await node.until('hooked', 'Ready', isReady);
    await node.remove('hooked', { gracePeriodSeconds: 2 });
    const { pod: unready } = await node.until('hooked', 'not ready', (one) => !isReady(one));
    assert.equal(unready.metadata.uid, pod.metadata.uid);
    const { ms } = await node.until('hooked', 'gone', (one) => !one);
    assert.ok(ms > 3500, `${ms} ms`);
    assert.equal(readFileSync(`${node.containerd.directory}/shared/quick`, 'utf8'), 'hook\nterm\n');
    assert.equal(readFileSync(`${node.containerd.directory}/shared/slow`, 'utf8'), 'term\n');
  });

  test('a second delete shortens; a forced one still ends the processes', async () => {
    const stubborn = 'trap "" TERM; while true; do sleep 0.1; done';
    await Promise.all(['stubborn', 'forced'].map((name) => node.create(name, { terminationGracePeriodSeconds: 300, containers: [busybox('web', stubborn)] })));
    await node.until('stubborn', 'Ready', isReady);
    const { pod: forced } = await node.until('forced', 'Ready', isReady);
    await node.remove('stubborn');
    await clock.sleep(300, never);
    await node.remove('stubborn', { gracePeriodSeconds: 1 });
    await node.until('stubborn', 'gone', (one) => !one);
    await node.client.delete(podsOf, keyOf(forced), { gracePeriodSeconds: 0 }, never);
    assert.equal(await node.get('forced'), undefined);
    const deadline = clock.monotonicMs() + 60_000;
    for (;;) {
      const { sandboxes } = await node.containerd.runtime.observe(forced.metadata.uid, never);
      if (sandboxes.length === 0) break;
      assert.ok(clock.monotonicMs() < deadline, 'its sandbox goes');
      await clock.sleep(100, never);
    }
  });

  test('a dead sandbox gets a successor; the Pod stays', async () => {
    await node.create('reborn', { containers: [busybox('web', stays)] });
    const { pod } = await node.until('reborn', 'Ready', isReady);
    const { sandboxes } = await node.containerd.runtime.observe(pod.metadata.uid, never);
    process.kill(Number(containerPid(sandboxes[0]!.id)), 'SIGKILL');
    const { pod: after } = await node.until('reborn', 'Ready again', (one) => isReady(one) && (status(one, 'web')?.restartCount ?? 0) >= 1);
    assert.equal(after.metadata.uid, pod.metadata.uid);
    await node.remove('reborn');
    await node.until('reborn', 'gone', (one) => !one);
  });

  test('a container that ends before its sandbox does not back off for it', async () => {
    const names = Array.from({ length: 4 }, (_, n) => `dying-${n}`);
    await Promise.all(names.map((name) => node.create(name, { containers: [busybox('web', stays)] })));
    await Promise.all(names.map(async (name, n) => {
      const { pod } = await node.until(name, 'Ready', isReady);
      const { sandboxes, containers } = await node.containerd.runtime.observe(pod.metadata.uid, never);
      const [web, sandbox] = [containerPid(containers[0]!.id), containerPid(sandboxes[0]!.id)];
      process.kill(Number(web), 'SIGKILL');
      await clock.sleep(n * 40, never);
      process.kill(Number(sandbox), 'SIGKILL');
      const inSuccessor = async (one: Pod | undefined) => {
        const { sandboxes, containers } = await node.containerd.runtime.observe(pod.metadata.uid, never);
        return isReady(one) && sandboxes[0]!.attempt === 1 && containers.some(({ sandboxId, state }) => sandboxId === sandboxes[0]!.id && state === 'running');
      };
      const fromMs = clock.monotonicMs();
      while (!(await inSuccessor(await node.get(name)))) {
        assert.ok(clock.monotonicMs() < fromMs + 60_000, `${name} runs again: ${(await node.story(name)).join('\n')}`);
        await clock.sleep(50, never);
      }
      // A back-off would have held it for 10 s, and have been told.
      const story = await node.story(name);
      assert.ok(clock.monotonicMs() < fromMs + 9500 || !story.some((line) => line.startsWith('BackOff')), `${name} was held back: ${story.join('\n')}`);
    }));
    // In the moment between the container's second end and the sandbox's, a back-off may be told; what it would have held
    // back runs, as was just seen, long before its 10 s.
    const stories = await Promise.all(names.map((name) => node.story(name)));
    assert.deepEqual(stories.flat().filter((line) => line.startsWith('Failed')), []);
    for (const name of names) await node.remove(name);
    for (const name of names) await node.until(name, 'gone', (one) => !one);
  });

  test('out of memory: OOMKilled with 137, and restarted', async () => {
    // tail keeps a line without end in memory.
    const spec = busybox('web', 'tail /dev/zero', { resources: { limits: { memory: '16Mi', cpu: '1' } } });
    await node.create('greedy', { containers: [spec] });
    // The runtime may tell of the kill later than of the end, or never: the first status after the restart knows it all the same.
    const { pod } = await node.until('greedy', 'restarted', (one) => (status(one, 'web')?.restartCount ?? 0) >= 1, 60_000);
    const { terminated } = status(pod, 'web')!.lastState!;
    assert.equal(terminated?.reason, 'OOMKilled');
    assert.equal(terminated?.exitCode, 137);
    await node.remove('greedy');
    await node.until('greedy', 'gone', (one) => !one);
  });

  test('requests and limits are in the cgroups of the container, the Pod and its class', async () => {
    await node.create('measured', {
      containers: [
        busybox('a', stays, { resources: { requests: { cpu: '250m', memory: '16Mi' }, limits: { cpu: '500m', memory: '32Mi' } } }),
        busybox('b', stays, { resources: { limits: { cpu: '100m', memory: '16Mi' } } }),
      ],
    });
    const { pod } = await node.until('measured', 'Ready', isReady);
    assert.equal(pod.status.qosClass, 'Burstable');
    const read = (container: string, above: number) => cgroupValues(Number(containerPid(status(pod, container)!.containerID!)), above);
    // Version 2 weighs more coarsely.
    const kept = (shares: number) => (existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 + Math.round((Math.floor(((shares - 2) * 9999) / 262_142) * 262_142) / 9999) : shares);
    assert.deepEqual(read('a', 0), { shares: kept(256), quotaUs: 50_000, memoryBytes: 32 * 2 ** 20 });
    assert.deepEqual(read('b', 0), { shares: kept(102), quotaUs: 10_000, memoryBytes: 16 * 2 ** 20 });
    assert.deepEqual(read('a', 1), { shares: kept(358), quotaUs: 60_000, memoryBytes: 48 * 2 ** 20 });
    assert.ok(read('a', 2).shares >= kept(358));
    await node.remove('measured');
    await node.until('measured', 'gone', (one) => !one);
  });

  test('activeDeadlineSeconds, ErrImageNeverPull, InvalidImageName and success', async () => {
    await node.create('late', { activeDeadlineSeconds: 1, containers: [busybox('web', stays)] });
    await node.create('absent', { containers: [{ name: 'web', image: 'localhost/nothing:1', imagePullPolicy: 'Never' }] });
    await node.create('done', { restartPolicy: 'OnFailure', containers: [busybox('a', 'exit 0'), busybox('b', 'sleep 0.2')] });
    const { pod } = await node.until('late', 'Failed', phase('Failed'));
    assert.equal(pod.status.reason, 'DeadlineExceeded');
    await node.until('absent', 'ErrImageNeverPull', waitingFor('web', 'ErrImageNeverPull'));
    const { pod: done } = await node.until('done', 'Succeeded', phase('Succeeded'));
    assert.equal(status(done, 'a')?.state?.terminated?.reason, 'Completed');
    for (const name of ['late', 'absent', 'done']) await node.remove(name);
    for (const name of ['late', 'absent', 'done']) await node.until(name, 'gone', (one) => !one);
  });

  test('logs: follow, tail, timestamps, previous', async () => {
    await node.create('talking', { containers: [busybox('web', 'for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done', {})], restartPolicy: 'Never' });
    const { pod } = await node.until('talking', 'started', (one) => Boolean(status(one, 'web')?.state?.running ?? status(one, 'web')?.state?.terminated));
    assert.equal(await logOf(pod, 'web', { follow: true }), 'line 1\nline 2\nline 3\nline 4\nline 5\n');
    assert.equal(await logOf(pod, 'web', { tailLines: 2 }), 'line 4\nline 5\n');
    assert.match(await logOf(pod, 'web', { tailLines: 1, timestamps: true }), /^20\d\d-\S+Z line 5\n$/);
    assert.equal(await logOf(pod, 'web', { limitBytes: 9 }), 'line 1\nli');
    await assert.rejects(logOf(pod, 'web', { previous: true }), /previous terminated container "web" in pod "talking" not found/);
    await node.remove('talking');
  });
});
