// C16 hooks and C17 probes, with the events that tell of them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Container } from '../../src/api/types.ts';
import { pod, waits } from '../support/manifests.ts';
import { eventually, isReady, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const exec = (script: string) => ({ exec: { command: ['sh', '-c', script] } });
const often = { periodSeconds: 1, failureThreshold: 1 };

describe('C16, C17 hooks and probes', () => {
  let house: RealCluster;
  const one = (name: string, container: Partial<Container>, spec = {}) => pod(name, [{ command: waits, ...container }], { terminationGracePeriodSeconds: 1, ...spec });
  /** `Warning Unhealthy Readiness probe failed: …`, each once. */
  const story = async (name: string) => {
    const { items } = JSON.parse(await house.kubectl('get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o', 'json')) as { items: { type: string; reason: string; message: string }[] };
    return items.map(({ type, reason, message }) => `${type} ${reason} ${message}`);
  };
  const told = async (name: string, pattern: RegExp) => {
    let lines: string[] = [];
    await eventually(`${pattern} to be told of ${name}`, async () => (lines = await story(name)).some((line) => pattern.test(line))).catch((error: unknown) => {
      throw new Error(`${pattern} was not told of ${name}: ${lines.join('\n')}`, { cause: error });
    });
    return lines.find((line) => pattern.test(line))!;
  };

  before(async () => {
    house = await startRealCluster();
    const serves = () => ({ command: ['sh', '-c', `mkdir /w; echo ok > /w/ok; httpd -f -p 8080 -h /w & trap "exit 0" TERM; wait $!`], ports: [{ name: 'web', containerPort: 8080 }] });
    const items = [
      one('flapping', { readinessProbe: { ...exec('test -e /ready'), ...often, timeoutSeconds: 60 } } as never),
      one('slow', { readinessProbe: { ...exec('sleep 5'), ...often, timeoutSeconds: 1 } } as never),
      one('http', { ...serves(), readinessProbe: { httpGet: { path: '/ok', port: 'web' }, ...often }, startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } } as never),
      one('http-404', { ...serves(), readinessProbe: { httpGet: { path: '/none', port: 8080 }, ...often, timeoutSeconds: 60 } } as never),
      one('tcp', { readinessProbe: { tcpSocket: { port: 9 }, ...often, timeoutSeconds: 60 } } as never),
      one('grpc', { readinessProbe: { grpc: { port: 9 }, ...often } } as never),
      one('live', { livenessProbe: { ...exec('echo is sick; exit 1'), ...often, timeoutSeconds: 60 } } as never),
      one('live-grace', { command: ['sh', '-c', 'trap "" TERM; while true; do sleep 1; done'], livenessProbe: { ...exec('exit 1'), ...often, terminationGracePeriodSeconds: 1 } } as never, { terminationGracePeriodSeconds: 600 }),
      one('startup', { command: ['sleep', '3600'], startupProbe: { ...exec('exit 1'), ...often }, livenessProbe: { ...exec('touch /tmp/asked'), ...often } } as never, { restartPolicy: 'Never' }),
      one('gated', {}, { readinessGates: [{ conditionType: 'example.com/open' }] }),
      one('post-bad', { command: ['sleep', '3600'], lifecycle: { postStart: exec('echo oh no; exit 7') } } as never, { restartPolicy: 'Never' }),
      one('post-slow', { lifecycle: { postStart: exec('sleep 1; touch /done') }, readinessProbe: { ...exec('test -e /done'), ...often, timeoutSeconds: 60 } } as never),
      one('pre-bad', { lifecycle: { preStop: exec('exit 9') } } as never),
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('C17 readiness comes and goes with its probe, and no container is restarted for it', async () => {
    await told('flapping', /^Warning Unhealthy Readiness probe failed: $/);
    assert.ok(!isReady(await house.pod('flapping')));
    await house.kubectl('exec', 'flapping', '--', 'touch', '/ready');
    const up = await house.untilReady('flapping');
    await house.kubectl('exec', 'flapping', '--', 'rm', '/ready');
    const down = (await house.untilPod('flapping', (now) => !isReady(now)))!;
    const conditions = (of: typeof up) => Object.fromEntries(of.status.conditions!.map(({ type, status }) => [type, status]));
    assert.deepEqual(conditions(up), { PodReadyToStartContainers: 'True', Initialized: 'True', Ready: 'True', ContainersReady: 'True', PodScheduled: 'True' });
    assert.deepEqual(conditions(down), { ...conditions(up), Ready: 'False', ContainersReady: 'False' });
    assert.deepEqual([down.status.containerStatuses![0]!.ready, down.status.containerStatuses![0]!.restartCount, down.status.phase], [false, 0, 'Running']);
    await house.kubectl('exec', 'flapping', '--', 'touch', '/ready');
    await house.untilReady('flapping');
  });

  test('C17 HTTP on a named port, after the startup probe', async () => {
    await house.untilReady('http');
  });

  for (const [name, message] of [
    ['slow', /^Warning Unhealthy Readiness probe failed: command timed out: "sh -c sleep 5" timed out after 1s$/],
    ['http-404', /^Warning Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 404$/],
    ['tcp', /^Warning Unhealthy Readiness probe failed: dial tcp [\d.]+:9: connect: connection refused$/],
    ['grpc', /^Warning Unhealthy Readiness probe failed: timeout: failed to connect service "[\d.]+:9" within 1s/],
  ] as const) {
    test(`C17 ${name}: never ready, and an event says why`, async () => {
      await told(name, message);
      assert.ok(!isReady(await house.pod(name)));
    });
  }

  test('C17 a failing liveness probe restarts its container', async () => {
    await house.untilPod('live', (now) => (now?.status.containerStatuses?.[0]?.restartCount ?? 0) >= 1);
    await told('live', /^Warning Unhealthy Liveness probe failed: is sick/);
    await told('live', /^Normal Killing Container c0 failed liveness probe, will be restarted$/);
  });

  test('C17 with the grace of the probe, not that of the Pod', async () => {
    await house.untilPod('live-grace', (now) => (now?.status.containerStatuses?.[0]?.restartCount ?? 0) >= 1);
    await house.kubectl('delete', 'pod', 'live-grace', '--now', '--wait=false');
  });

  test('C17 a failing startup probe ends the container, and the others were not asked', async () => {
    const ended = (await house.untilPod('startup', (now) => now?.status.phase === 'Failed'))!;
    assert.equal(ended.status.containerStatuses![0]!.started, false);
    const lines = (await story('startup')).join('\n');
    assert.match(lines, /Warning Unhealthy Startup probe failed/);
    assert.doesNotMatch(lines, /Liveness/);
  });

  test('C17 a readiness gate waits for its condition', async () => {
    const gated = (await house.untilPod('gated', (now) => now?.status.conditions?.some(({ type, status }) => type === 'ContainersReady' && status === 'True') ?? false))!;
    assert.equal(gated.status.conditions!.find(({ type }) => type === 'Ready')?.reason, 'ReadinessGatesNotReady');
    assert.match(await house.kubectl('get', 'pod', 'gated', '-o', 'wide', '--no-headers'), / 0\/1$/m);
    await house.kubectl('patch', 'pod', 'gated', '--subresource=status', '-p', '{"status":{"conditions":[{"type":"example.com/open","status":"True"}]}}');
    await house.untilReady('gated');
    assert.match(await house.kubectl('get', 'pod', 'gated', '-o', 'wide', '--no-headers'), / 1\/1 *$/m);
  });

  test('C16 a failing postStart kills its container', async () => {
    const ended = (await house.untilPod('post-bad', (now) => now?.status.phase === 'Failed'))!;
    assert.ok(ended.status.containerStatuses![0]!.state?.terminated);
    await told('post-bad', /^Warning FailedPostStartHook PostStartHook failed$/);
    await told('post-bad', /^Normal Killing FailedPostStartHook$/);
  });

  test('C16 a container is ready only after its postStart', async () => {
    const up = await house.untilReady('post-slow');
    assert.equal(up.status.containerStatuses![0]!.restartCount, 0);
    assert.doesNotMatch((await story('post-slow')).join('\n'), /Unhealthy/);
  });

  test('C16 a failing preStop is told of, and the Pod ends all the same', async () => {
    await house.untilReady('pre-bad');
    await house.kubectl('delete', 'pod', 'pre-bad');
    await told('pre-bad', /^Warning FailedPreStopHook PreStopHook failed$/);
  });
});
