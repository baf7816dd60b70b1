import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/types.ts';
import type { Observation } from '../../runtime/runtime.ts';
import { container, exited, pod, sandbox, seen, state } from '../testing/pods.ts';
import { afterRestart, restartDelayMs, sandboxName, type PlanMemory, type RestartBackOff } from './memory.ts';
import { backOffMessage, planPod, type Plan, type Step } from './plan-pod.ts';

const nowMs = 1_000_000;

function memory(more: Partial<PlanMemory> = {}): PlanMemory {
  return { startTimeMs: nowMs, busy: new Set(), restarts: new Map(), retryAtMs: new Map(), unhealthy: new Map(), started: new Set(), ...more };
}

/** A step in few words: `start app 1`, `kill app-0`, `start-sandbox 0`. */
function brief(step: Step): string {
  switch (step.type) {
    case 'start-sandbox': return `start-sandbox ${step.attempt}`;
    case 'start-container': return `start ${step.container.name} ${step.attempt}${step.replaces ? ` for ${step.replaces}` : ''}`;
    case 'kill-container': return `kill ${step.id}`;
    case 'resize': return `resize${step.work.pod ? ' pod' : ''} ${[...step.work.containers.keys()].join(' ')}`.trimEnd();
    default: return `${step.type} ${step.id}`;
  }
}

interface Case {
  readonly what: string;
  readonly pod?: Pod;
  readonly seen: Observation;
  readonly memory?: Partial<PlanMemory>;
  readonly steps?: readonly string[];
  readonly end?: Plan['end'];
  readonly wakeAfterMs?: number;
  readonly backingOff?: readonly string[];
}

const two = pod({ containers: [container('a'), container('b')] });
const sidecar = container('side', { restartPolicy: 'Always' });
const withInit = pod({ initContainers: [container('one'), container('two')] });
const withSidecar = pod({ initContainers: [sidecar, container('one')] });
const never = pod({ restartPolicy: 'Never' });
const onFailure = pod({ restartPolicy: 'OnFailure' });
const ruled = (operator: string, values: number[]) => pod({ containers: [container('app', { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes: { operator, values } }] })] });
const late = (name: string, exitCode: number, attempt = 0) => exited(name, exitCode, nowMs - 1000, { attempt });

const cases: readonly Case[] = [
  // The sandbox
  { what: 'nothing there: the sandbox first', seen: seen([]), steps: ['start-sandbox 0'] },
  { what: 'the sandbox is being made', seen: seen([]), memory: { busy: new Set([sandboxName]) }, steps: [] },
  { what: 'the sandbox failed a moment ago', seen: seen([]), memory: { retryAtMs: new Map([[sandboxName, nowMs + 700]]) }, steps: [], wakeAfterMs: 700 },
  { what: 'a dead sandbox gets a successor', seen: seen([sandbox(0, { ready: false })]), steps: ['start-sandbox 1'] },
  { what: 'a dead sandbox is emptied first', seen: seen([sandbox(0, { ready: false })], [state('app')]), steps: ['stop-sandbox sandbox-0'] },
  { what: 'containers start again in the successor', seen: seen([sandbox(1)], [exited('app', 137, nowMs - 10)]), steps: ['start app 1'] },
  { what: 'what ended with its sandbox does not back off', seen: seen([sandbox(1)], [exited('app', 137, nowMs - 10)]), memory: { restarts: new Map([['app', { delayMs: 10_000, atMs: nowMs - 50 }]]) }, steps: ['start app 1'] },
  { what: 'sandboxes that die again and again back off', seen: seen([sandbox(1, { ready: false })]), memory: { restarts: new Map([[sandboxName, { delayMs: 10_000, atMs: nowMs - 3000 }]]) }, steps: [], wakeAfterMs: 7000 },
  { what: 'a sandbox that died after a good while', seen: seen([sandbox(1, { ready: false })]), memory: { restarts: new Map([[sandboxName, { delayMs: 10_000, atMs: nowMs - 11_000 }]]) }, steps: ['start-sandbox 2'] },
  { what: 'Never: no successor once it was tried', pod: never, seen: seen([sandbox(0, { ready: false })], [exited('app', 137)]), end: 'completed' },
  { what: 'Never: a sandbox that died before anything ran is tried again', pod: never, seen: seen([sandbox(0, { ready: false })]), steps: ['start-sandbox 1'] },
  { what: 'OnFailure: no successor when all succeeded', pod: onFailure, seen: seen([sandbox(0, { ready: false })], [exited('app', 0)]), end: 'completed' },
  { what: 'Never, but for a container of its own policy: a successor', pod: pod({ restartPolicy: 'Never', containers: [container('app', { restartPolicy: 'Always' })] }), seen: seen([sandbox(0, { ready: false })], [exited('app', 137)]), steps: ['start-sandbox 1'] },
  { what: 'OnFailure: a successor for what failed', pod: onFailure, seen: seen([sandbox(0, { ready: false })], [exited('app', 1)]), steps: ['start-sandbox 1'] },
  { what: 'an older sandbox that still lives is stopped', seen: seen([sandbox(1), sandbox(0)], [state('app', { sandboxId: 'sandbox-1' })]), steps: ['stop-sandbox sandbox-0'] },
  { what: 'an older sandbox that nothing needs is removed', seen: seen([sandbox(1), sandbox(0, { ready: false })], [state('app', { sandboxId: 'sandbox-1' })]), steps: ['remove-sandbox sandbox-0'] },
  // App containers
  { what: 'all app containers at once', pod: two, seen: seen([sandbox()]), steps: ['start a 0', 'start b 0'] },
  { what: 'only what is missing', pod: two, seen: seen([sandbox()], [state('a')]), steps: ['start b 0'] },
  { what: 'not what is being started', pod: two, seen: seen([sandbox()]), memory: { busy: new Set(['a']) }, steps: ['start b 0'] },
  { what: 'all run: nothing to do', pod: two, seen: seen([sandbox()], [state('a'), state('b')]), steps: [] },
  { what: 'made but never started: made anew with the same count', seen: seen([sandbox()], [state('app', { state: 'created', attempt: 2 })]), steps: ['start app 2 for app-2'] },
  { what: 'unknown: killed', seen: seen([sandbox()], [state('app', { state: 'unknown' })]), steps: ['kill app-0'] },
  { what: 'another image: killed', pod: pod({ containers: [container('app', { image: 'other:2' })] }), seen: seen([sandbox()], [state('app')]), steps: ['kill app-0'] },
  { what: 'failed liveness: killed', seen: seen([sandbox()], [state('app')]), memory: { unhealthy: new Map([['app-0', { why: 'liveness' }]]) }, steps: ['kill app-0'] },
  { what: 'the runtime lost its records: the count goes on', pod: pod({}, { status: { containerStatuses: [{ name: 'app', containerID: 'containerd://x', restartCount: 4, ready: true, image: '', imageID: '' }] } }), seen: seen([sandbox()]), steps: ['start app 5'] },
  // Restart policies
  { what: 'Always: after success', seen: seen([sandbox()], [late('app', 0)]), steps: ['start app 1'] },
  { what: 'OnFailure: after failure', pod: onFailure, seen: seen([sandbox()], [late('app', 1)]), steps: ['start app 1'] },
  { what: 'OnFailure: not after success', pod: onFailure, seen: seen([sandbox()], [late('app', 0)]), end: 'completed' },
  { what: 'Never: not at all', pod: never, seen: seen([sandbox()], [late('app', 1)]), end: 'completed' },
  { what: 'Never: not before all have ended', pod: pod({ restartPolicy: 'Never', containers: [container('a'), container('b')] }), seen: seen([sandbox()], [late('a', 1), state('b')]), steps: [] },
  { what: 'not completed while a step is under way', pod: never, seen: seen([sandbox()], [late('app', 0)]), memory: { busy: new Set(['x']) }, steps: [] },
  // A container's own policy and rules
  { what: 'its own policy stands before the Pod\'s', pod: pod({ restartPolicy: 'Never', containers: [container('app', { restartPolicy: 'OnFailure' })] }), seen: seen([sandbox()], [late('app', 1)]), steps: ['start app 1'] },
  { what: 'its own policy: Never', pod: pod({ containers: [container('app', { restartPolicy: 'Never' })] }), seen: seen([sandbox()], [late('app', 1)]), end: 'completed' },
  { what: 'a rule stands before its policy', pod: ruled('In', [42]), seen: seen([sandbox()], [late('app', 42)]), steps: ['start app 1'] },
  { what: 'no rule speaks of it', pod: ruled('In', [42]), seen: seen([sandbox()], [late('app', 1)]), end: 'completed' },
  { what: 'a rule of all other codes', pod: ruled('NotIn', [0, 3]), seen: seen([sandbox()], [late('app', 1)]), steps: ['start app 1'] },
  { what: 'a rule of all other codes, and one of these', pod: ruled('NotIn', [0, 3]), seen: seen([sandbox()], [late('app', 3)]), end: 'completed' },
  { what: 'an init container that may fail is tried again in a Pod that may not', pod: pod({ restartPolicy: 'Never', initContainers: [container('one', { restartPolicy: 'OnFailure' })] }), seen: seen([sandbox()], [late('one', 1)]), steps: ['start one 1'] },
  { what: 'ended to run again: whatever it ended with', pod: onFailure, seen: seen([sandbox()], [late('app', 0)]), memory: { toRunAgain: new Set(['app-0']) }, steps: ['start app 1'] },
  // Resize
  { what: 'resize: what changes in place', seen: seen([sandbox()], [state('app')]), memory: { resize: { pod: true, containers: new Map([['app-0', 'update']]) } }, steps: ['resize pod app-0'] },
  { what: 'resize: what restarts for it, when its Pod has room', seen: seen([sandbox()], [state('app')]), memory: { resize: { pod: false, containers: new Map([['app-0', 'restart']]) } }, steps: ['kill app-0'] },
  { what: 'resize: one at a time', seen: seen([sandbox()], [state('app')]), memory: { busy: new Set(['/resize']), resize: { pod: true, containers: new Map([['app-0', 'update']]) } }, steps: [] },
  // Back-off
  { what: 'held back', seen: seen([sandbox()], [late('app', 1, 1)]), memory: { restarts: new Map([['app', { delayMs: 10_000, atMs: nowMs - 2000 }]]) }, steps: [], backingOff: ['app'], wakeAfterMs: 9000 },
  { what: 'time served', seen: seen([sandbox()], [exited('app', 1, nowMs - 10_000, { attempt: 1 })]), memory: { restarts: new Map([['app', { delayMs: 10_000, atMs: nowMs - 20_000 }]]) }, steps: ['start app 2'] },
  { what: 'ten good minutes clear the record', seen: seen([sandbox()], [late('app', 1, 7)]), memory: { restarts: new Map([['app', { delayMs: 300_000, atMs: nowMs - 602_000 }]]) }, steps: ['start app 8'] },
  { what: 'a failed start waits', seen: seen([sandbox()]), memory: { retryAtMs: new Map([['app', nowMs + 3000]]) }, steps: [], wakeAfterMs: 3000 },
  // Init containers
  { what: 'the first alone', pod: withInit, seen: seen([sandbox()]), steps: ['start one 0'] },
  { what: 'the second not before the first has ended', pod: withInit, seen: seen([sandbox()], [state('one')]), steps: [] },
  { what: 'the second after the first', pod: withInit, seen: seen([sandbox()], [late('one', 0)]), steps: ['start two 0'] },
  { what: 'a failing one again', pod: withInit, seen: seen([sandbox()], [late('one', 1)]), steps: ['start one 1'] },
  { what: 'Never: a failing one fails the Pod', pod: pod({ restartPolicy: 'Never', initContainers: [container('one')] }), seen: seen([sandbox()], [late('one', 1)]), end: 'completed' },
  { what: 'then the app', pod: withInit, seen: seen([sandbox()], [late('two', 0), late('one', 0)]), steps: ['start app 0'] },
  { what: 'not again while the app runs', pod: withInit, seen: seen([sandbox()], [state('app')]), steps: [] },
  { what: 'again in a new sandbox', pod: withInit, seen: seen([sandbox(1)], [exited('app', 137), late('one', 0)]), steps: ['start one 1'] },
  // Sidecars
  { what: 'a sidecar first', pod: withSidecar, seen: seen([sandbox()]), steps: ['start side 0'] },
  { what: 'the next waits until it has started', pod: withSidecar, seen: seen([sandbox()], [state('side')]), steps: [] },
  { what: 'then the next', pod: withSidecar, seen: seen([sandbox()], [state('side')]), memory: { started: new Set(['side-0']) }, steps: ['start one 0'] },
  { what: 'kept alive while the others go on', pod: withSidecar, seen: seen([sandbox()], [state('one'), late('side', 1)]), steps: ['start side 1'] },
  { what: 'what comes next does not wait for its return', pod: withSidecar, seen: seen([sandbox()], [late('one', 0), late('side', 1, 1)]), memory: { restarts: new Map([['side', { delayMs: 10_000, atMs: nowMs - 2000 }]]) }, steps: ['start app 0'], backingOff: ['side'] },
  { what: 'kept alive beside the app', pod: withSidecar, seen: seen([sandbox()], [state('app'), late('side', 0), late('one', 0)]), steps: ['start side 1'] },
  { what: 'does not hold up the end of the Pod', pod: pod({ restartPolicy: 'Never', initContainers: [sidecar] }), seen: seen([sandbox()], [late('app', 0), state('side')]), end: 'completed' },
  // Ephemeral containers
  { what: 'an ephemeral one beside the app', pod: pod({ ephemeralContainers: [{ name: 'debug', image: 'x' }] }), seen: seen([sandbox()], [state('app')]), steps: ['start debug 0'] },
  { what: 'never a second time', pod: pod({ ephemeralContainers: [{ name: 'debug', image: 'x' }] }), seen: seen([sandbox()], [state('app'), late('debug', 1)]), steps: [] },
  // Deadline
  { what: 'woken at the deadline', pod: pod({ activeDeadlineSeconds: 60 }), seen: seen([sandbox()], [state('app')]), memory: { startTimeMs: nowMs - 20_000 }, steps: [], wakeAfterMs: 40_000 },
  { what: 'over the deadline', pod: pod({ activeDeadlineSeconds: 60 }), seen: seen([sandbox()], [state('app')]), memory: { startTimeMs: nowMs - 60_000 }, end: 'deadline' },
  // Old containers
  { what: 'two of a name are kept', seen: seen([sandbox()], [state('app', { attempt: 2 }), late('app', 1, 1), late('app', 1, 0)]), steps: ['remove-container app-0'] },
];

for (const one of cases) {
  test(`plan: ${one.what}`, () => {
    const plan = planPod(one.pod ?? pod(), one.seen, memory(one.memory), nowMs);
    assert.deepEqual(plan.steps.map(brief), one.steps ?? []);
    assert.equal(plan.end, one.end);
    if (one.wakeAfterMs !== undefined) assert.equal(plan.wakeAfterMs, one.wakeAfterMs);
    assert.deepEqual([...plan.backingOff.keys()], one.backingOff ?? []);
  });
}

test('restart delays double from 10 s to 300 s, and begin anew after ten minutes of running', () => {
  let record: RestartBackOff | undefined;
  const delays: number[] = [];
  for (let finishedAtMs = 0; delays.length < 8; ) {
    const delayMs = restartDelayMs(record, finishedAtMs);
    delays.push(delayMs / 1000);
    record = afterRestart(record, finishedAtMs, finishedAtMs + delayMs);
    finishedAtMs += delayMs + 10;
  }
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(restartDelayMs(record, record!.atMs + 600_001), 0);
});

test('the message of a back-off', () => {
  assert.equal(backOffMessage(pod(), 'app', 160_000), 'back-off 2m40s restarting failed container=app pod=web_default(11111111-2222-4333-8444-555555555555)');
});
