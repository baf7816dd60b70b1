import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cronJobs, events, jobs } from '../../src/api/kinds/index.ts';
import type { Job } from '../../src/api/types.ts';
import { formatTime } from '../../src/base/clock.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { keyOf } from '../../src/client/client.ts';
import { startControlCluster, type ControlCluster } from './control-cluster.ts';
import { startHardLife } from './faults.ts';

const key = { namespace: 'default', name: 'tick' };
const template = { metadata: {}, spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'tool:1' }] } };
const cronJobOf = (more: object = {}) => ({ metadata: { name: 'tick', namespace: 'default' }, spec: { schedule: '* * * * *', jobTemplate: { spec: { template } }, ...more } as never });

const cronJob = (cluster: ControlCluster) => cluster.informers.of(cronJobs).get(key);
const made = (cluster: ControlCluster) => cluster.informers.of(jobs).list('default').toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
const said = (cluster: ControlCluster, reason: string) => cluster.until(reason, () => cluster.informers.of(events).list('default').some((event) => event.reason === reason));

async function started(more: object = {}, controllers = true) {
  const time = new VirtualClock();
  const cluster = await startControlCluster({ scheduler: false, time, controllers });
  await cluster.client.create(cronJobs, cronJobOf(more), cluster.signal);
  await cluster.until('seen', () => cronJob(cluster));
  return { cluster, time };
}

async function minute(cluster: ControlCluster, time: VirtualClock): Promise<void> {
  await time.advance(60_000);
  const due = formatTime(time.wallMs() - (time.wallMs() % 60_000));
  const hasRun = () => cronJob(cluster)?.status?.lastScheduleTime === due;
  // What was refused is tried again a moment later.
  for (let moment = 0; moment < 1_000 && !hasRun(); moment++) await time.advance(20);
  await cluster.until(`ran at ${due}`, hasRun);
}

async function complete(cluster: ControlCluster, job: Job): Promise<void> {
  const now = await cluster.until('begun', () => cluster.informers.of(jobs).get(keyOf(job))?.status.startTime && cluster.informers.of(jobs).get(keyOf(job)));
  const pod = await cluster.until('its Pod', () => cluster.podsOf({ 'job-name': job.metadata.name })[0]);
  await cluster.client.patch({ group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true }, keyOf(pod), { type: 'strategic', subresource: 'status', body: { status: { phase: 'Succeeded' } } }, cluster.signal);
  await cluster.until('complete', () => (cluster.informers.of(jobs).get(keyOf(now as Job))?.status.completionTime ? true : !cluster.informers.of(jobs).get(keyOf(now as Job))));
}

test('C39 a CronJob makes a Job for each time, and remembers only so many', async () => {
  const { cluster, time } = await started({ successfulJobsHistoryLimit: 2 });
  await using _ = cluster;
  for (let run = 0; run < 4; run++) {
    await minute(cluster, time);
    await complete(cluster, made(cluster).at(-1)!);
  }
  await cluster.until('two remembered', () => made(cluster).length === 2);
  const [older, newer] = made(cluster);
  const minutes = Math.floor(time.wallMs() / 60_000);
  assert.deepEqual([older!.metadata.name, newer!.metadata.name], [`tick-${minutes - 1}`, `tick-${minutes}`]);
  assert.equal(newer!.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'], formatTime(minutes * 60_000));
  await cluster.until('noted', () => cronJob(cluster)?.status?.active === undefined && cronJob(cluster)?.status?.lastSuccessfulTime);
  await said(cluster, 'SawCompletedJob');
});

test('C39 concurrencyPolicy: Forbid waits, Replace takes the place of what runs; suspended it rests', async () => {
  const { cluster, time } = await started({ concurrencyPolicy: 'Forbid' });
  await using _ = cluster;
  await minute(cluster, time);
  await time.advance(60_000);
  await said(cluster, 'JobAlreadyActive');
  assert.equal(made(cluster).length, 1);
  const [first] = made(cluster);
  await cluster.client.patch(cronJobs, key, { type: 'merge', body: { spec: { concurrencyPolicy: 'Replace' } } }, cluster.signal);
  await cluster.until('replaced', () => made(cluster).length === 1 && made(cluster)[0]!.metadata.uid !== first!.metadata.uid);
  await cluster.client.patch(cronJobs, key, { type: 'merge', body: { spec: { suspend: true } } }, cluster.signal);
  await cluster.until('seen', () => cronJob(cluster)?.spec.suspend);
  const [second] = made(cluster);
  await time.advance(300_000);
  assert.deepEqual(made(cluster).map(({ metadata }) => metadata.uid), [second!.metadata.uid]);
});

test('C39 through restarts after every write: one Job for each time', async () => {
  const { cluster, time } = await started({}, false);
  await using _ = cluster;
  const all = new Set<string>();
  cluster.informers.of(jobs).onChange((_, job) => job && all.add(job.metadata.uid));
  const life = startHardLife(cluster, { restartAfter: 1, conflictEvery: 5, watchEvents: 1_000 }, time);
  for (let run = 0; run < 3; run++) await minute(cluster, time);
  assert.equal(all.size, 3);
  let isOver = false;
  const ended = (async () => {
    await life[Symbol.asyncDispose]();
    isOver = true;
  })();
  while (!isOver) await time.advance(1_000);
  await ended;
});
