import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podTimelines, stateOf, stepOf, type PodTimeline, type TimelineMoment } from '../api/kinds/pod-timeline.ts';
import { parseTime } from '../base/clock.ts';
import { drawTimeline } from './draw.ts';
import { scaleOf } from './scale.ts';
import { pictureOf } from './spans.ts';

const beganMs = parseTime('2026-01-02T03:04:05.250Z');
const timeline = (containers: PodTimeline['containers'], ...moments: [afterMs: number, type: TimelineMoment['type'], details?: Partial<TimelineMoment>][]): PodTimeline =>
  ({ metadata: { name: 'web', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-02T03:04:05Z' }, nodeName: 'vm', containers, steps: moments.map(([afterMs, type, details]) => stepOf({ atMs: beganMs + afterMs, type, ...details })) }) as unknown as PodTimeline;
const app = { container: 'app' };

const life = timeline([{ name: 'prepare', role: 'init' }, { name: 'app', role: 'app' }],
  [0, 'Created'], [2, 'Bound', { node: 'vm' }], [3, 'Accepted'], [4, 'SandboxStarting'], [104, 'SandboxStarted'],
  [104, 'ContainerCreated', { container: 'prepare' }], [120, 'Started', { container: 'prepare', restart: 0 }], [320, 'Exited', { container: 'prepare', exitCode: 0, reason: 'Completed' }],
  [321, 'Pulling', { ...app, image: 'web:1' }], [700, 'Pulled', { ...app, image: 'web:1' }], [710, 'ContainerCreated', app], [730, 'Started', { ...app, restart: 0 }],
  [731, 'HookBegan', { ...app, hook: 'postStart' }], [1031, 'HookEnded', { ...app, hook: 'postStart' }], [1900, 'ProbeFailed', { ...app, message: 'Readiness probe failed: no', count: 3 }], [4000, 'ContainerReady', app], [4005, 'Ready'],
  [90_000, 'EndAsked', { graceSeconds: 5 }], [90_001, 'EndBegan', { graceSeconds: 5 }], [90_002, 'HookBegan', { ...app, hook: 'preStop' }], [90_010, 'Unready'],
  [95_002, 'HookAbandoned', { ...app, hook: 'preStop' }], [95_003, 'Signalled', { ...app, signal: 'SIGTERM', graceSeconds: 2 }], [97_003, 'Killed', { ...app, signal: 'SIGKILL' }],
  [97_010, 'Exited', { ...app, exitCode: 137, reason: 'Error' }], [97_200, 'Cleared'], [97_215, 'Gone']);

const lines = (columns: number, more: { ascii?: boolean; colours?: boolean; of?: PodTimeline; nowMs?: number } = {}) => drawTimeline(more.of ?? life, { columns, colours: false, ascii: false, nowMs: beganMs + 500_000, ...more });

test('a whole life, drawn', () => {
  const drawn = lines(90);
  assert.deepEqual(drawn.slice(0, 12), [
    'web in default on vm  Gone',
    'created 2026-01-02 03:04:05 UTC · ready after 4.00s · told to end at 90.0s',
    'over after 97.2s',
    '',
    '                0ms         621ms       1.66s        20.7s       86.2s       95.3s   97.2s',
    '                ╷           ╷           ╷            ╷           ╷           ╷           ╷',
    'pod             ·░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░████████████████╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱',
    'prepare (init)     ░▒▒▒▒✓',
    'app                     ↓↓↓↓↓░▒≈≈≈≈▒▒▒▒▒▒!▒▒▒▒▒▒▒▒████████████████≈≈≈≈≈≈≈≈≈≈╱╱╱╱╱╱╱†✗',
    '',
    '· waiting  ↓ pulling  ░ starting  ▒ running  █ ready  ≈ hook  ╱ ending  ✓ ended with 0',
    '✗ failed  † killed  ! probe failed  (quiet times are drawn short)',
  ]);
  assert.deepEqual(drawn.slice(13).map((line) => line.trim().replace(/ {2,}/g, ' ')), [
    '+0.000s pod created', '+0.002s pod bound to vm', '+0.003s pod taken on by the node', '+0.004s pod sandbox is being made', '+0.104s pod sandbox is up, after 100ms',
    '+0.104s prepare container made', '+0.120s prepare started', '+0.320s prepare ended with 0, having run 200ms',
    '+0.321s app pulling web:1', '+0.700s app pulled web:1, after 379ms', '+0.710s app container made', '+0.730s app started', '+0.731s app postStart begins', '+1.031s app postStart is done, after 300ms',
    '+1.900s app Readiness probe failed: no (3 times)', '+4.000s app ready', '+4.005s pod Ready',
    '+1m30.000s pod told to end, within 5 s', '+1m30.001s pod the node ends it, within 5 s', '+1m30.002s app preStop begins', '+1m30.010s pod no longer Ready',
    '+1m35.002s app preStop is cut off, after 5.00s', '+1m35.003s app SIGTERM, 2 s to go', '+1m37.003s app SIGKILL: its time is over', '+1m37.010s app ended with 137, having run 96.3s',
    '+1m37.200s pod nothing of it runs; network and volumes are gone', '+1m37.215s pod gone from the API',
  ]);
});

test('in ASCII nothing but ASCII; in colours the same but for them', () => {
  for (const line of lines(60, { ascii: true })) assert.match(line, /^[\x20-\x7e]*$/);
  const plain = lines(100);
  const coloured = lines(100, { colours: true });
  // oxlint-disable-next-line no-control-regex
  assert.deepEqual(coloured.map((line) => line.replace(/\x1b\[\d+m/g, '').trimEnd()), plain);
  assert.ok(coloured.some((line) => line.includes('\u001b[32m')));
});

test('no line is wider than the terminal, and with no room for lanes the steps remain', () => {
  for (const columns of [24, 40, 60, 80, 140, 400]) {
    for (const line of lines(columns)) assert.ok(line.length <= Math.max(columns, 40), `${columns}: ${line}`);
  }
  for (const columns of [60, 80, 140, 400]) for (const line of lines(columns)) assert.ok(line.length <= columns, `${columns}: ${line}`);
  assert.ok(!lines(20).some((line) => line.includes('█')));
  assert.ok(lines(20).some((line) => line.includes('+0.000s')));
});

test('a Pod that lives goes on to now, and one that crashes shows each of its lives', () => {
  const crash = timeline([{ name: 'app', role: 'app' }], [0, 'Created'], [1, 'Bound', { node: 'vm' }], [2, 'Accepted'], [300, 'Started', { ...app, restart: 0 }], [301, 'ContainerReady', app], [302, 'Ready'],
    [900, 'Exited', { ...app, exitCode: 1 }], [901, 'Unready'], [902, 'BackOff', { ...app, message: 'Back-off restarting failed container app in pod web_default(u)' }], [11_000, 'Started', { ...app, restart: 1 }], [11_001, 'ContainerReady', app], [11_003, 'Ready']);
  assert.equal(stateOf(crash), 'Ready');
  const drawn = lines(60, { of: crash, nowMs: beganMs + 20_000 });
  const lane = drawn.find((line) => line.startsWith('app'))!;
  assert.match(lane, /^app +▒?█+✗┄+▒?█+›$/);
  assert.ok(drawn.some((line) => line.endsWith('Back-off restarting failed container app')));
  assert.deepEqual(podTimelines.columns!.map(({ cell }) => cell(crash, beganMs + 20_000)).slice(1, 6), ['Ready', '302ms', 1, '-', 'Ready']);
});

test('what lasts only a moment is seen', () => {
  const { lanes } = pictureOf(life, 0);
  assert.deepEqual(lanes.map(({ name, spans }) => `${name} ${spans.map(({ phase }) => phase).join()}`), ['pod waiting,starting,ready,ending', 'prepare starting,running', 'app pulling,starting,running,hook,running,ready,hook,ending']);
  const drawn = lines(70).find((line) => line.startsWith('pod'))!;
  assert.ok(drawn.includes('·'), 'two milliseconds of waiting');
});

test('times are in their order on the scale, and quiet ones are short', () => {
  const scale = scaleOf([0, 1, 2, 1000, 3_600_000, 3_600_500], 80);
  const columns = [0, 1, 2, 500, 1000, 1_800_000, 3_600_000, 3_600_500].map((ms) => scale.columnOf(ms));
  assert.deepEqual(columns, columns.toSorted((a, b) => a - b));
  assert.deepEqual([columns[0], columns.at(-1)], [0, 80]);
  assert.ok(scale.columnOf(3_600_000) - scale.columnOf(1000) < 60, 'an hour leaves room for the second before it');
  for (const ms of [0, 2, 700, 9999, 3_600_400]) assert.ok(Math.abs(scale.timeAt(scale.columnOf(ms)) - ms) < 1e-3 * (1 + ms));
});
