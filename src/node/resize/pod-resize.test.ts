import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/types.ts';
import { resizeRefusalOf } from '../admission.ts';
import type { MachineFacts } from '../node-settings.ts';
import { container, exited, pod, sandbox, seen, state } from '../testing/pods.ts';
import { PodResize, type ResizeRefusal } from './pod-resize.ts';

const nowMs = 1_767_225_600_000;
const wanting = (cpu: string, more: object = {}, generation = 1, status: Partial<Pod['status']> = {}) =>
  pod({ containers: [container('app', { resources: { requests: { cpu } }, ...more })] }, { metadata: { generation }, status });

/** One Pod's resize, and what it tells. */
function resizing(first: Pod) {
  const told: string[] = [];
  const resize = new PodResize(first);
  const tell = (...event: [string, string, string]) => void told.push(event.join(' '));
  const ask = (of: Pod, refusal?: ResizeRefusal) => resize.consider(of, () => refusal, nowMs, tell);
  const conditions = () => resize.conditions().map(({ type, reason, observedGeneration }) => [type, reason, observedGeneration].filter((word) => word !== undefined).join(' '));
  return { resize, told, tell, ask, conditions };
}

test('granted, carried out, completed', () => {
  const { resize, told, tell, ask, conditions } = resizing(wanting('1'));
  resize.given('app-0', { requests: { cpu: '1' } }, pod());
  const wanted = wanting('2', {}, 2);
  const runs = seen([sandbox()], [state('app')]);
  assert.equal(resize.work(wanted, runs), undefined);
  assert.equal(ask(wanted), true);
  assert.equal(resize.view(wanted), wanted);
  assert.deepEqual(resize.work(wanted, runs), { pod: true, containers: new Map([['app-0', 'update']]) });
  assert.deepEqual(conditions(), ['PodResizeInProgress 2']);
  resize.given('app-0', { requests: { cpu: '2' } }, pod());
  resize.podGiven();
  assert.equal(resize.work(wanted, runs), undefined);
  resize.completed(wanted, tell);
  resize.completed(wanted, tell);
  assert.deepEqual(conditions(), []);
  const text = '{"containers":[{"name":"app","resources":{"requests":{"cpu":"2"}}}],"generation":2}';
  assert.deepEqual(told, [`Normal ResizeStarted Pod resize started: ${text}`, `Normal ResizeCompleted Pod resize completed: ${text}`]);
});

test('what waits keeps what was granted, is told once, and can be taken back', () => {
  const { resize, told, ask, conditions } = resizing(wanting('1'));
  const wanted = wanting('2', {}, 2);
  const refusal = { reason: 'Deferred', message: 'full' } as const;
  assert.equal(ask(wanted, refusal), true);
  assert.equal(ask(wanted, refusal), false);
  assert.equal(resize.isDeferred, true);
  assert.equal(resize.view(wanted).spec.containers[0]!.resources!.requests!['cpu'], '1');
  assert.deepEqual([told.length, conditions()], [1, ['PodResizePending Deferred 2']]);
  assert.equal(ask(wanting('1', {}, 3)), true);
  assert.deepEqual(conditions(), []);
});

test('a container whose policy says so restarts; its Pod first has room for both, and shrinks at the end', () => {
  const policy = { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] };
  const { resize, ask } = resizing(wanting('2', policy));
  resize.given('app-0', { requests: { cpu: '2' } }, pod());
  const wanted = wanting('1', policy, 2);
  ask(wanted);
  const runs = seen([sandbox()], [state('app')]);
  assert.deepEqual(resize.work(wanted, runs), { pod: true, containers: new Map([['app-0', 'restart']]) });
  resize.podWidened();
  assert.deepEqual(resize.work(wanted, runs), { pod: false, containers: new Map([['app-0', 'restart']]) });
  assert.deepEqual(resize.work(wanted, seen([sandbox()], [exited('app', 0)])), { pod: true, containers: new Map() });
});

test('a new agent goes on from what was told', () => {
  const status = { startTime: '2026-01-01T00:00:00Z', containerStatuses: [{ name: 'app', containerID: 'containerd://app-0', state: { running: {} }, allocatedResources: { cpu: '1' }, resources: { requests: { cpu: '1' } }, ready: true, restartCount: 0, image: '', imageID: '' }] } as Partial<Pod['status']>;
  const asked = wanting('2', {}, 2, status);
  const { resize, ask } = resizing(asked);
  assert.equal(resize.view(asked).spec.containers[0]!.resources!.requests!['cpu'], '1');
  ask(asked);
  assert.deepEqual(resize.work(asked, seen([sandbox()], [state('app')]))!.containers, new Map([['app-0', 'update']]));
});

test('what the node has', () => {
  const here = { allocatable: { milliCpu: 2000, memoryBytes: 2 ** 30, ephemeralStorageBytes: 0 } as MachineFacts, podLimit: 10 };
  assert.equal(resizeRefusalOf(wanting('1'), [wanting('1')], here), undefined);
  assert.deepEqual(resizeRefusalOf(wanting('1500m'), [wanting('1')], here), { reason: 'Deferred', message: "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000" });
  assert.deepEqual(resizeRefusalOf(wanting('3'), [], here), { reason: 'Infeasible', message: "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000" });
});
