import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, jobs } from '../../src/api/kinds/index.ts';
import { isPodActive } from '../../src/api/meta.ts';
import type { Job, Pod } from '../../src/api/types.ts';
import { formatTime } from '../../src/base/clock.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { keyOf } from '../../src/client/client.ts';
import { clock, conditionText, pods, startControlCluster, type ControlCluster, type ControlClusterOptions } from './control-cluster.ts';
import { startHardLife } from './faults.ts';

const key = { namespace: 'default', name: 'work' };
const tracking = 'batch.kubernetes.io/job-tracking';
const template = (spec: object = {}) => ({ metadata: { labels: { app: 'work' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'tool:1' }], ...spec } });
const jobOf = (more: object = {}) => ({ metadata: { name: 'work', namespace: 'default' }, spec: { template: template(), ...more } as never });

const job = (cluster: ControlCluster) => cluster.informers.of(jobs).get(key);
const all = (cluster: ControlCluster) => cluster.podsOf({ app: 'work' });
const active = (cluster: ControlCluster) => all(cluster).filter(isPodActive);
const change = (cluster: ControlCluster, body: object) => cluster.client.patch(jobs, key, { type: 'merge', body }, cluster.signal);
const untilActive = (cluster: ControlCluster, count: number) => cluster.until(`${count} active`, () => active(cluster).length === count && job(cluster)?.status.active === count && active(cluster));
const untilCondition = (cluster: ControlCluster, type: string, text: string) => cluster.until(`${type} ${text}`, () => job(cluster) && conditionText(job(cluster)!, type) === text && job(cluster));

/** Nobody schedules or runs: each test says itself what becomes of a Pod. */
async function started(more: object = {}, options: ControlClusterOptions = {}) {
  const cluster = await startControlCluster({ scheduler: false, ...options });
  await cluster.client.create(jobs, jobOf(more), cluster.signal);
  return cluster;
}

async function end(cluster: ControlCluster, pod: Pod, exitCode = 0, time: { wallMs(): number } = clock, conditions: object[] = []): Promise<void> {
  const terminated = { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', finishedAt: formatTime(time.wallMs()), startedAt: formatTime(time.wallMs()) };
  const containerStatuses = [{ name: 'main', image: 'tool:1', imageID: '', ready: false, restartCount: 0, state: { terminated } }];
  const body = { status: { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses, conditions } };
  await cluster.client.patch(pods, keyOf(pod), { type: 'strategic', subresource: 'status', body }, cluster.signal);
}

test('C39 a Job runs its Pods to the end, so many at once, counts each once, and is complete', async () => {
  await using cluster = await started({ completions: 3, parallelism: 2 });
  const first = await untilActive(cluster, 2);
  const { uid } = job(cluster)!.metadata;
  assert.deepEqual(job(cluster)!.spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } });
  const labels = { app: 'work', 'batch.kubernetes.io/controller-uid': uid, 'batch.kubernetes.io/job-name': 'work', 'controller-uid': uid, 'job-name': 'work' };
  assert.deepEqual([first[0]!.metadata.labels, job(cluster)!.metadata.labels], [labels, labels]);
  assert.deepEqual(first[0]!.metadata.finalizers, [tracking]);
  await end(cluster, first[0]!);
  const second = await cluster.until('the third', () => all(cluster).length === 3 && active(cluster).length === 2 && active(cluster));
  await Promise.all(second.map((pod) => end(cluster, pod)));
  const done = (await untilCondition(cluster, 'Complete', 'True CompletionsReached')) as Job;
  assert.deepEqual(done.status.conditions!.map(({ type, message }) => `${type}: ${message}`), ['SuccessCriteriaMet: Reached expected number of succeeded pods', 'Complete: Reached expected number of succeeded pods']);
  assert.deepEqual([done.status.succeeded, done.status.failed, done.status.active, done.status.ready, done.status.terminating, done.status.uncountedTerminatedPods], [3, undefined, undefined, 0, 0, {}]);
  assert.ok(done.status.startTime && done.status.completionTime);
  assert.ok(all(cluster).every(({ metadata }) => !metadata.finalizers?.length));
  assert.deepEqual((jobs.columns ?? []).slice(0, 3).map(({ cell }) => cell(done, 0)), ['work', 'Complete', '3/3']);
  await cluster.until('told', () => cluster.informers.of(events).list('default').some(({ reason, message }) => reason === 'Completed' && message === 'Job completed'));
});

test('C39 an Indexed Job has one Pod for each index', async () => {
  await using cluster = await started({ completions: 3, parallelism: 3, completionMode: 'Indexed' });
  const found = await untilActive(cluster, 3);
  const byIndex = (index: number) => active(cluster).find(({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-completion-index'] === String(index))!;
  assert.deepEqual(found.map(({ spec }) => spec.hostname).sort(), ['work-0', 'work-1', 'work-2']);
  assert.match(byIndex(1).metadata.name, /^work-1-[a-z0-9]{5}$/);
  assert.deepEqual(byIndex(1).spec.containers[0]!.env, [{ name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" } } }]);
  await end(cluster, byIndex(0));
  await end(cluster, byIndex(2));
  await cluster.until('two', () => job(cluster)?.status.completedIndexes === '0,2');
  assert.equal(active(cluster).length, 1);
  await end(cluster, byIndex(1));
  await untilCondition(cluster, 'Complete', 'True CompletionsReached');
  assert.deepEqual([job(cluster)!.status.completedIndexes, job(cluster)!.status.succeeded], ['0-2', 3]);
});

test('C39 it tries again after 10 s, then 20 s, and gives up at its limit', async () => {
  const time = new VirtualClock();
  await using cluster = await started({ backoffLimit: 2 }, { time });
  for (const waitMs of [10_000, 20_000]) {
    const [pod] = await untilActive(cluster, 1);
    await end(cluster, pod!, 1, time);
    await cluster.until('counted', () => !all(cluster).some(({ metadata }) => metadata.finalizers?.length));
    await time.advance(waitMs - 2_000);
    assert.equal(active(cluster).length, 0);
    await time.advance(3_000);
  }
  const [last] = await untilActive(cluster, 1);
  await end(cluster, last!, 1, time);
  const failed = (await untilCondition(cluster, 'Failed', 'True BackoffLimitExceeded')) as Job;
  assert.equal(conditionText(failed, 'FailureTarget'), 'True BackoffLimitExceeded');
  assert.deepEqual([failed.status.failed, failed.status.conditions!.at(-1)!.message], [3, 'Job has reached the specified backoff limit']);
  assert.equal(all(cluster).length, 3);
});

test('C39 after its deadline a Job ends what still runs, and has failed when that is gone', async () => {
  const time = new VirtualClock();
  await using cluster = await started({ activeDeadlineSeconds: 30, ttlSecondsAfterFinished: 60 }, { time });
  await untilActive(cluster, 1);
  await time.advance(29_000);
  assert.equal(active(cluster).length, 1);
  await time.advance(2_000);
  await untilCondition(cluster, 'Failed', 'True DeadlineExceeded');
  assert.equal(active(cluster).length, 0);
  await time.advance(58_000);
  assert.ok(job(cluster));
  await time.advance(5_000);
  await cluster.until('the Job is gone', () => !job(cluster) && all(cluster).length === 0);
});

test('C39 podFailurePolicy: some failures do not count, some end all', async () => {
  const rules = [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }, { action: 'FailJob', onExitCodes: { containerName: 'main', operator: 'In', values: [42] } }];
  const time = new VirtualClock();
  await using cluster = await started({ backoffLimit: 0, parallelism: 2, completions: 2, podFailurePolicy: { rules } }, { time });
  const [first] = await untilActive(cluster, 2);
  await end(cluster, first!, 137, time, [{ type: 'DisruptionTarget', status: 'True' }]);
  await cluster.until('let go', () => all(cluster).some((pod) => pod.metadata.uid === first!.metadata.uid && !pod.metadata.finalizers?.length));
  await time.advance(11_000);
  const [second] = await untilActive(cluster, 2);
  assert.equal(job(cluster)!.status.failed ?? 0, 0);
  await end(cluster, second!, 42, time);
  const failing = await cluster.until('decided', () => job(cluster)?.status.conditions && job(cluster));
  assert.equal(conditionText(failing as Job, 'FailureTarget'), 'True PodFailurePolicy');
  assert.equal((failing as Job).status.conditions![0]!.message, `Container main for pod default/${second!.metadata.name} failed with exit code 42 matching FailJob rule at index 1`);
  await untilCondition(cluster, 'Failed', 'True PodFailurePolicy');
});

test('C39 indexes fail alone with backoffLimitPerIndex, until too many have', async () => {
  const time = new VirtualClock();
  await using cluster = await started({ completions: 4, parallelism: 4, completionMode: 'Indexed', backoffLimitPerIndex: 1, maxFailedIndexes: 1 }, { time });
  const of = (index: number) => active(cluster).find(({ spec }) => spec.hostname === `work-${index}`)!;
  await untilActive(cluster, 4);
  await end(cluster, of(0), 1, time);
  await cluster.until('one less', () => active(cluster).length === 3);
  await time.advance(11_000);
  await untilActive(cluster, 4);
  assert.equal(of(0).metadata.annotations?.['batch.kubernetes.io/job-index-failure-count'], '1');
  await end(cluster, of(0), 1, time);
  await cluster.until('index 0 has failed', () => job(cluster)?.status.failedIndexes === '0');
  await end(cluster, of(1), 0, time);
  await cluster.until('index 1 is done', () => job(cluster)?.status.completedIndexes === '1');
  assert.equal(active(cluster).length, 2);
  for (let round = 0; round < 2; round++) {
    await cluster.until('index 2 there', () => of(2));
    await end(cluster, of(2), 1, time);
    await cluster.until('index 2 ended', () => !of(2));
    await time.advance(11_000);
  }
  const failed = (await untilCondition(cluster, 'Failed', 'True MaxFailedIndexesExceeded')) as Job;
  assert.deepEqual([failed.status.failedIndexes, failed.status.completedIndexes], ['0,2', '1']);
});

test('C39 a successPolicy ends a Job early, and with it what still runs', async () => {
  await using cluster = await started({ completions: 3, parallelism: 3, completionMode: 'Indexed', successPolicy: { rules: [{ succeededIndexes: '0' }] } });
  const found = await untilActive(cluster, 3);
  await end(cluster, found.find(({ spec }) => spec.hostname === 'work-0')!);
  const done = (await untilCondition(cluster, 'Complete', 'True SuccessPolicy')) as Job;
  assert.equal(done.status.conditions![0]!.message, 'Matched rules at index 0');
  assert.equal(active(cluster).length, 0);
});

test('C39 suspended a Job has no Pods; resumed it begins to count its time', async () => {
  await using cluster = await started({ suspend: true, parallelism: 2, completions: 2 });
  await untilCondition(cluster, 'Suspended', 'True JobSuspended');
  assert.deepEqual([all(cluster).length, job(cluster)!.status.startTime], [0, undefined]);
  await change(cluster, { spec: { suspend: false } });
  await untilActive(cluster, 2);
  assert.equal(conditionText(job(cluster)!, 'Suspended'), 'False JobResumed');
  await change(cluster, { spec: { suspend: true } });
  await cluster.until('none', () => active(cluster).length === 0 && job(cluster)?.status.active === undefined);
  assert.equal((jobs.columns ?? [])[1]!.cell(job(cluster)!, 0), 'Suspended');
  await cluster.until('told', () => ['Suspended', 'Resumed'].every((reason) => cluster.informers.of(events).list('default').some((event) => event.reason === reason)));
});

test('C39 with podReplacementPolicy Failed a Pod that ends keeps its place until it has', async () => {
  await using cluster = await started({ podReplacementPolicy: 'Failed', backoffLimit: 3 }, { kubelet: { readyMs: 1, graceMs: 1_500 }, scheduler: true });
  await cluster.addNode('a');
  const pod = await cluster.until('runs', () => all(cluster).find(({ status }) => status.phase === 'Running'));
  await cluster.client.delete(pods, keyOf(pod), {}, cluster.signal);
  await cluster.until('ends', () => job(cluster)?.status.terminating === 1 && job(cluster)?.status.active === undefined);
  assert.equal(all(cluster).length, 1);
  await end(cluster, all(cluster)[0]!, 0);
  await untilCondition(cluster, 'Complete', 'True CompletionsReached');
});

test('C39 deleted, a Job lets its Pods go', async () => {
  await using cluster = await started({ parallelism: 2, completions: 2 });
  await untilActive(cluster, 2);
  await cluster.client.delete(jobs, key, { propagationPolicy: 'Background' }, cluster.signal);
  await cluster.until('all gone', () => !job(cluster) && all(cluster).length === 0);
});

const faults = { 'restarts after every write and conflicts': { restartAfter: 1, conflictEvery: 5, watchEvents: 1_000 }, 'lost watches and conflicts': { restartAfter: 1_000, conflictEvery: 3, watchEvents: 2 } };
for (const [what, fault] of Object.entries(faults)) {
  for (const completionMode of ['NonIndexed', 'Indexed']) {
    test(`C39 through ${what}: a Job (${completionMode}) makes no Pod too many and counts each once`, async () => {
      await using cluster = await started({ completions: 8, parallelism: 3, completionMode }, { controllers: false });
      const made = new Set<string>();
      cluster.informers.of(pods).onChange((_, pod) => {
        if (!pod || made.has(pod.metadata.uid)) return;
        made.add(pod.metadata.uid);
        void end(cluster, pod).catch(() => undefined);
      });
      await using life = startHardLife(cluster, fault);
      const done = (await untilCondition(cluster, 'Complete', 'True CompletionsReached')) as Job;
      assert.deepEqual([done.status.succeeded, done.status.failed, made.size], [8, undefined, 8]);
      await cluster.until('let go', () => all(cluster).every(({ metadata }) => !metadata.finalizers?.length));
      console.log(`# ${life.lives} lives, ${life.conflicts} conflicts, ${life.lostWatches} lost watches`);
    });
  }
}
