import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime } from '../../../base/clock.ts';
import type { ContainerStatus, Pod } from '../../types.ts';
import { podColumns } from './columns.ts';

type Fields = Record<string, unknown>;
const nowMs = parseTime('2026-01-01T01:00:00Z');

function row(spec: Fields, status: Fields, metadata: Fields = {}): string {
  const pod = { metadata: { name: 'web', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata }, spec: { containers: [{ name: 'a' }], ...spec }, status } as unknown as Pod;
  return podColumns.slice(1, 5).map((column) => column.cell(pod, nowMs)).join(' | ');
}

const at = '2026-01-01T00:55:00Z';
const state = (name: string, own: Fields, more: Fields = {}): ContainerStatus => ({ name, ready: false, restartCount: 0, state: own, ...more }) as unknown as ContainerStatus;
const up = (name: string, more: Fields = {}) => state(name, { running: {} }, { ready: true, started: true, ...more });
const waiting = (name: string, reason: string, more: Fields = {}) => state(name, { waiting: { reason } }, more);
const ended = (name: string, terminated: Fields, more: Fields = {}) => state(name, { terminated: { exitCode: 0, ...terminated } }, more);
const two = { containers: [{ name: 'a' }, { name: 'b' }] };
const inits = { initContainers: [{ name: 'i' }, { name: 'j' }] };
const sidecar = { initContainers: [{ name: 'i', restartPolicy: 'Always' }] };
const ready = { type: 'Ready', status: 'True' };

const rows: readonly (readonly [what: string, row: string, spec: Fields, status: Fields, metadata?: Fields])[] = [
  ['new', '0/1 | Pending | 0 | 60m', {}, { phase: 'Pending' }],
  ['gated', '0/1 | SchedulingGated | 0 | 60m', {}, { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }],
  ['creating', '0/1 | ContainerCreating | 0 | 60m', {}, { phase: 'Pending', containerStatuses: [waiting('a', 'ContainerCreating')] }],
  ['running', '1/1 | Running | 0 | 60m', {}, { phase: 'Running', containerStatuses: [up('a')], conditions: [ready] }],
  ['half ready', '1/2 | Running | 0 | 60m', two, { phase: 'Running', containerStatuses: [up('a'), up('b', { ready: false })] }],
  ['no image', '0/1 | ImagePullBackOff | 0 | 60m', {}, { phase: 'Pending', containerStatuses: [waiting('a', 'ImagePullBackOff')] }],
  ['crashing', '0/1 | CrashLoopBackOff | 3 (5m ago) | 60m', {}, { phase: 'Running', containerStatuses: [waiting('a', 'CrashLoopBackOff', { restartCount: 3, lastState: { terminated: { exitCode: 1, finishedAt: at } } })] }],
  ['restarts of all', '2/2 | Running | 5 (5m ago) | 60m', two, { phase: 'Running', containerStatuses: [up('a', { restartCount: 4, lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:10:00Z' } } }), up('b', { restartCount: 1, lastState: { terminated: { exitCode: 1, finishedAt: at } } })] }],
  ['the first speaks', '0/2 | CrashLoopBackOff | 0 | 60m', two, { phase: 'Running', containerStatuses: [waiting('a', 'CrashLoopBackOff'), waiting('b', 'ErrImagePull')] }],
  ['completed', '0/1 | Completed | 0 | 60m', {}, { phase: 'Succeeded', containerStatuses: [ended('a', { reason: 'Completed' })] }],
  ['failed', '0/1 | Error | 0 | 60m', {}, { phase: 'Failed', containerStatuses: [ended('a', { exitCode: 1, reason: 'Error' })] }],
  ['exit code', '0/1 | ExitCode:7 | 0 | 60m', {}, { phase: 'Failed', containerStatuses: [ended('a', { exitCode: 7 })] }],
  ['signal', '0/1 | Signal:9 | 0 | 60m', {}, { phase: 'Failed', containerStatuses: [ended('a', { exitCode: 137, signal: 9 })] }],
  ['evicted', '0/1 | Evicted | 0 | 60m', {}, { phase: 'Failed', reason: 'Evicted' }],
  ['one of two completed', '1/2 | NotReady | 0 | 60m', two, { phase: 'Running', containerStatuses: [ended('a', { reason: 'Completed' }), up('b')] }],
  ['one completed, ready', '1/2 | Running | 0 | 60m', two, { phase: 'Running', conditions: [ready], containerStatuses: [ended('a', { reason: 'Completed' }), up('b')] }],
  ['first init', '0/1 | Init:0/2 | 0 | 60m', inits, { phase: 'Pending', initContainerStatuses: [state('i', { running: {} }), waiting('j', 'PodInitializing')] }],
  ['second init', '0/1 | Init:1/2 | 0 | 60m', inits, { phase: 'Pending', initContainerStatuses: [ended('i', {}), state('j', { running: {} })] }],
  ['init failed', '0/1 | Init:Error | 0 | 60m', inits, { phase: 'Pending', initContainerStatuses: [ended('i', { exitCode: 1, reason: 'Error' }), waiting('j', 'PodInitializing')] }],
  ['init exit code', '0/1 | Init:ExitCode:3 | 0 | 60m', inits, { phase: 'Pending', initContainerStatuses: [ended('i', { exitCode: 3 })] }],
  ['init crashing', '0/1 | Init:CrashLoopBackOff | 2 | 60m', inits, { phase: 'Pending', initContainerStatuses: [waiting('i', 'CrashLoopBackOff', { restartCount: 2 })] }],
  ['init done', '0/1 | PodInitializing | 0 | 60m', inits, { phase: 'Pending', initContainerStatuses: [ended('i', {}), ended('j', {})], containerStatuses: [waiting('a', 'PodInitializing')] }],
  ['init restarts do not count later', '1/1 | Running | 0 | 60m', inits, { phase: 'Running', initContainerStatuses: [ended('i', {}, { restartCount: 4 }), ended('j', {})], containerStatuses: [up('a')] }],
  ['sidecar', '2/2 | Running | 1 | 60m', sidecar, { phase: 'Running', initContainerStatuses: [up('i', { restartCount: 1 })], containerStatuses: [up('a')] }],
  ['sidecar starting', '0/2 | Init:0/1 | 0 | 60m', sidecar, { phase: 'Pending', initContainerStatuses: [state('i', { running: {} }, { started: false })], containerStatuses: [waiting('a', 'PodInitializing')] }],
  ['ending', '1/1 | Terminating | 0 | 60m', {}, { phase: 'Running', containerStatuses: [up('a')] }, { deletionTimestamp: at }],
  ['finished and deleted', '0/1 | Completed | 0 | 60m', {}, { phase: 'Succeeded', containerStatuses: [ended('a', { reason: 'Completed' })] }, { deletionTimestamp: at }],
  ['node lost', '0/1 | Unknown | 0 | 60m', {}, { phase: 'Running', reason: 'NodeLost' }, { deletionTimestamp: at }],
];

test('READY, STATUS, RESTARTS and AGE as kubectl get prints them', () => {
  for (const [what, expected, spec, status, metadata] of rows) assert.equal(row(spec, status, metadata), expected, what);
});

test('the wide columns', () => {
  const cells = (spec: Fields, status: Fields) => podColumns.slice(5).map(({ cell }) => cell({ metadata: { name: 'web' }, spec, status } as unknown as Pod, nowMs));
  assert.deepEqual(podColumns.map(({ name }) => name), ['Name', 'Ready', 'Status', 'Restarts', 'Age', 'IP', 'Node', 'Nominated Node', 'Readiness Gates']);
  assert.deepEqual(cells({ containers: [] }, {}), ['<none>', '<none>', '<none>', '<none>']);
  const gates = { readinessGates: [{ conditionType: 'x' }, { conditionType: 'y' }] };
  assert.deepEqual(cells({ nodeName: 'n1', containers: [], ...gates }, { podIP: '10.1.0.2', nominatedNodeName: 'n2', conditions: [{ type: 'x', status: 'True' }] }), ['10.1.0.2', 'n1', 'n2', '1/2']);
});
