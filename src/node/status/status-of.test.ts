import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/types.ts';
import type { Observation } from '../../runtime/runtime.ts';
import { container, exited, pod, sandbox, seen, state } from '../testing/pods.ts';
import { statusOf, type StatusFacts } from './status-of.ts';

const nowMs = 1_767_225_600_000;

function facts(more: Partial<StatusFacts> = {}): StatusFacts {
  return {
    runtimeName: 'containerd', waiting: new Map(), started: new Set(['app-0', 'side-0']), ready: new Set(['app-0', 'side-0']), terminationMessages: new Map(),
    startTimeMs: nowMs, hostIPs: ['192.0.2.1'], life: 'living', nowMs, ...more,
  };
}

/** `Running Ready=True ContainersReady=True Initialized=True app:running`. */
function brief(of: Pod, observed: Observation, more: Partial<StatusFacts> = {}): string {
  const status = statusOf(of, observed, facts(more));
  const condition = (type: string) => status.conditions?.find((one) => one.type === type);
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const states = all.map(({ name, state: now, restartCount }) => `${name}:${now?.running ? 'running' : (now?.waiting?.reason ?? `${now?.terminated?.reason}(${now?.terminated?.exitCode})`)}${restartCount ? `x${restartCount}` : ''}`);
  return [status.phase, ...['Initialized', 'Ready', 'ContainersReady'].map((type) => `${condition(type)?.status}${condition(type)?.reason ? `/${condition(type)?.reason}` : ''}`), ...states].join(' ');
}

const onFailure = pod({ restartPolicy: 'OnFailure' });
const never = pod({ restartPolicy: 'Never' });
const withInit = pod({ initContainers: [container('one'), container('two')] });
const withSidecar = pod({ restartPolicy: 'Never', initContainers: [container('side', { restartPolicy: 'Always' })] });
const notReady = 'False/ContainersNotReady False/ContainersNotReady';

const cases: readonly (readonly [string, string])[] = [
  [`Pending True ${notReady} app:ContainerCreating`, brief(pod(), seen([]))],
  ['Running True True True app:running', brief(pod(), seen([sandbox()], [state('app')]))],
  [`Running True ${notReady} app:running`, brief(pod(), seen([sandbox()], [state('app')]), { ready: new Set() })],
  [`Pending True ${notReady} app:ErrImagePull`, brief(pod(), seen([sandbox()]), { waiting: new Map([['app', { reason: 'ErrImagePull' }]]) })],
  [`Running True ${notReady} app:CrashLoopBackOffx3`, brief(pod(), seen([sandbox()], [exited('app', 1, nowMs, { attempt: 3 })]), { waiting: new Map([['app', { reason: 'CrashLoopBackOff' }]]) })],
  [`Running True ${notReady} app:Error(1)`, brief(pod(), seen([sandbox()], [exited('app', 1, nowMs)]))],
  [`Running True ${notReady} app:OOMKilled(137)`, brief(pod(), seen([sandbox()], [exited('app', 137, nowMs, { reason: 'OOMKilled' })]))],
  ['Succeeded True/PodCompleted False/PodCompleted False/PodCompleted app:Completed(0)', brief(onFailure, seen([sandbox()], [exited('app', 0, nowMs)]), { life: 'ended' })],
  ['Failed True False/PodFailed False/PodFailed app:Error(2)', brief(never, seen([sandbox()], [exited('app', 2, nowMs)]), { life: 'ended' })],
  [`Running True ${notReady} app:Error(2)`, brief(onFailure, seen([sandbox()], [exited('app', 2, nowMs)]))],
  [`Pending False/ContainersNotInitialized ${notReady} one:ContainerCreating two:PodInitializing app:PodInitializing`, brief(withInit, seen([sandbox()]))],
  [`Pending False/ContainersNotInitialized ${notReady} one:Completed(0) two:running app:PodInitializing`, brief(withInit, seen([sandbox()], [state('two'), exited('one', 0, nowMs)]))],
  ['Running True True True one:Completed(0) two:Completed(0) app:running', brief(withInit, seen([sandbox()], [state('app'), exited('two', 0, nowMs), exited('one', 0, nowMs)]))],
  ['Failed False/ContainersNotInitialized False/PodFailed False/PodFailed one:Error(1) app:PodInitializing', brief(pod({ restartPolicy: 'Never', initContainers: [container('one')] }), seen([sandbox()], [exited('one', 1, nowMs)]), { life: 'ended' })],
  [`Running True ${notReady} side:running app:Completed(0)`, brief(withSidecar, seen([sandbox()], [state('side'), exited('app', 0, nowMs)]))],
  ['Running True False/PodTerminating True app:running', brief(pod(), seen([sandbox()], [state('app')]), { life: 'ending' })],
  ['Succeeded True/PodCompleted False/PodCompleted False/PodCompleted app:Completed(0)', brief(pod(), seen([sandbox()], [exited('app', 0, nowMs)]), { life: 'ended' })],
  ['Failed True False/PodFailed False/PodFailed app:Error(137)', brief(pod(), seen([sandbox()], [exited('app', 137, nowMs)]), { life: 'ended' })],
  ['Running True False/PodTerminating True app:running', brief(pod(), seen([sandbox()], [state('app')]), { life: 'ending', failure: { reason: 'DeadlineExceeded', message: 'm' } })],
  ['Failed True False/PodFailed False/PodFailed app:Completed(0)', brief(pod(), seen([sandbox()], [exited('app', 0, nowMs)]), { life: 'ended', failure: { reason: 'DeadlineExceeded', message: 'm' } })],
  ['Failed True False/PodFailed False/PodFailed app:ContainerStatusUnknown(137)', brief(pod(), seen([sandbox()]), { life: 'ended', failure: { reason: 'DeadlineExceeded', message: 'm' } })],
];

for (const [wanted, actual] of cases) test(`status: ${wanted}`, () => assert.equal(actual, wanted));

test('a condition keeps its transition time as long as its status stays', () => {
  const first = statusOf(pod(), seen([sandbox()], [state('app')]), facts());
  const later = statusOf(pod({}, { status: first }), seen([sandbox()], [state('app')]), facts({ nowMs: nowMs + 60_000 }));
  assert.deepEqual(later, first);
  const unready = statusOf(pod({}, { status: first }), seen([sandbox()], [state('app')]), facts({ nowMs: nowMs + 60_000, ready: new Set() }));
  const times = Object.fromEntries(unready.conditions!.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]));
  assert.equal(times['Initialized'], '2026-01-01T00:00:00Z');
  assert.equal(times['Ready'], '2026-01-01T00:01:00Z');
});

test("others' conditions and nominatedNodeName stay", () => {
  const gate = { type: 'example.com/gate', status: 'True' };
  const { conditions, nominatedNodeName } = statusOf(pod({ readinessGates: [{ conditionType: gate.type }] }, { status: { conditions: [gate], nominatedNodeName: 'n' } }), seen([sandbox()], [state('app')]), facts());
  assert.deepEqual(conditions?.find(({ type }) => type === gate.type), gate);
  assert.equal(conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  assert.equal(nominatedNodeName, 'n');
});

test('a readiness gate without its condition holds Ready back', () => {
  const { conditions } = statusOf(pod({ readinessGates: [{ conditionType: 'g' }] }), seen([sandbox()], [state('app')]), facts());
  const ready = conditions?.find(({ type }) => type === 'Ready');
  assert.deepEqual([ready?.status, ready?.reason, ready?.message], ['False', 'ReadinessGatesNotReady', 'corresponding condition of pod readiness gate "g" does not exist.']);
});

test('addresses, ids and the last state', () => {
  const status = statusOf(pod(), seen([sandbox()], [state('app', { attempt: 1 }), exited('app', 3, nowMs)]), facts({ terminationMessages: new Map([['app-0', 'last words']]) }));
  assert.equal(status.podIP, '10.0.0.9');
  assert.deepEqual(status.hostIPs, [{ ip: '192.0.2.1' }]);
  const [app] = status.containerStatuses!;
  assert.equal(app!.containerID, 'containerd://app-1');
  assert.equal(app!.restartCount, 1);
  assert.equal(app!.lastState?.terminated?.message, 'last words');
  assert.equal(app!.lastState?.terminated?.exitCode, 3);
});

test('a container that the runtime has lost is told as unknown when its Pod ends', () => {
  const running = statusOf(pod(), seen([sandbox()], [state('app')]), facts());
  const lost = statusOf(pod({}, { status: running }), seen([]), facts({ life: 'ended' }));
  assert.equal(lost.containerStatuses?.[0]?.state?.terminated?.reason, 'ContainerStatusUnknown');
  assert.equal(lost.phase, 'Failed');
});

test('termination messages of all containers together have 12 KiB', () => {
  const many = pod({ restartPolicy: 'Never', containers: ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => container(name)) });
  const long = 'x'.repeat(4096);
  const status = statusOf(many, seen([sandbox()], many.spec.containers.map(({ name }) => exited(name, 1, nowMs))), facts({ terminationMessages: new Map(many.spec.containers.map(({ name }) => [`${name}-0`, long])) }));
  assert.deepEqual(status.containerStatuses!.map(({ state: now }) => now?.terminated?.message?.length), [2048, 2048, 2048, 2048, 2048, 2048]);
  const one = statusOf(pod({ restartPolicy: 'Never' }), seen([sandbox()], [exited('app', 1, nowMs)]), facts({ terminationMessages: new Map([['app-0', long]]) }));
  assert.equal(one.containerStatuses![0]!.state?.terminated?.message?.length, 4096);
});

test('what a container was granted and what it has, as whom it runs and what ends it', () => {
  const of = pod({ containers: [container('app', { resources: { requests: { cpu: '2' } }, volumeMounts: [{ name: 'v', mountPath: '/v' }, { name: 'w', mountPath: '/w', readOnly: true }] })] });
  const resize = { allocation: { pod: undefined, containers: new Map([['app', { requests: { cpu: '1' }, limits: { cpu: '3' } }]]) }, actual: () => ({ requests: { cpu: '500m' } }), conditions: () => [] };
  const told = (state_: object) => statusOf(of, seen([sandbox()], [state('app', state_)]), facts({ resize })).containerStatuses![0]!;
  const running = told({ user: { uid: 1000, gid: 100, supplementalGroups: [100, 2000] }, stopSignal: 'SIGUSR1' });
  assert.deepEqual([running.allocatedResources, running.resources, running.user, running.stopSignal], [{ cpu: '1' }, { requests: { cpu: '500m' } }, { linux: { uid: 1000, gid: 100, supplementalGroups: [100, 2000] } }, 'SIGUSR1']);
  assert.deepEqual(running.volumeMounts, [{ name: 'v', mountPath: '/v' }, { name: 'w', mountPath: '/w', readOnly: true, recursiveReadOnly: 'Disabled' }]);
  assert.deepEqual(told({ state: 'exited' }).resources, { requests: { cpu: '1' }, limits: { cpu: '3' } });
});
