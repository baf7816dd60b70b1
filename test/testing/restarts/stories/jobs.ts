// Job and CronJob.
import { cronJobs, jobs, type CronJob, type Job, type Pod } from '../../../../src/testing/index.ts';
import { conditionOf, isBeingDeleted } from '../../../../src/api/meta.ts';
import type { Ledger, Picture } from '../ledger.ts';
import { template, type Story } from '../story.ts';

const app = 'work';
const tracking = 'batch.kubernetes.io/job-tracking';
const indexKey = 'batch.kubernetes.io/job-completion-index';
const late = ['pods', 'jobs'];
const jobOf = (picture: Picture) => picture.get<Job>('jobs', app);
const is = (picture: Picture, type: string) => conditionOf(jobOf(picture)?.status.conditions, type)?.status === 'True';
const run = (script: string, more: object) => ({ spec: { template: template(app, 'web:1', script, { restartPolicy: 'Never' }), ...more } });
const madePods = (ledger: Ledger) => ledger.madeOf<Pod>('pods').filter(({ metadata }) => metadata.labels?.['app'] === app);
const indexOf = ({ metadata }: Pod) => metadata.annotations?.[indexKey];
const noneIsHeld = (picture: Picture) => picture.pods(app).every(({ metadata }) => !metadata.finalizers?.includes(tracking));

/** Pods of one index that live at once, and all that ever were of one. */
function indexRule(picture: Picture, ledger: Ledger, mostEach: number): string | undefined {
  const counts = (pods: readonly Pod[]) => {
    const found = new Map<string | undefined, number>();
    for (const pod of pods) found.set(indexOf(pod), (found.get(indexOf(pod)) ?? 0) + 1);
    return Math.max(0, ...found.values());
  };
  if (counts(picture.active(app)) > 1) return 'an index runs twice at once';
  return counts(madePods(ledger)) > mostEach ? `an index was run more than ${mostEach} times` : undefined;
}

const plain: Story = {
  name: 'a Job, two Pods at once, gone a while after it is complete',
  late,
  begin: () => ({
    wrong(picture, ledger) {
      if (picture.active(app).length > 2) return `${picture.active(app).length} are active`;
      return madePods(ledger).length > 3 && `${madePods(ledger).length} were made for 3 completions`;
    },
    async tell(world) {
      await world.create(jobs, app, run('run=2s', { completions: 3, parallelism: 2, ttlSecondsAfterFinished: 60 }));
      await world.until('complete', (picture) => is(picture, 'Complete') && noneIsHeld(picture));
      await world.mark('complete');
      await world.until('gone', (picture) => !jobOf(picture) && picture.pods(app).length === 0);
    },
  }),
};

const indexed: Story = {
  name: 'an Indexed Job',
  late,
  begin: () => ({
    wrong: (picture, ledger) => indexRule(picture, ledger, 1),
    async tell(world) {
      await world.create(jobs, app, run('run=2s', { completions: 4, parallelism: 2, completionMode: 'Indexed' }));
      await world.until('complete', (picture) => is(picture, 'Complete') && noneIsHeld(picture));
      await world.mark('complete');
      await world.delete(jobs, app, { propagationPolicy: 'Foreground' });
      await world.until('gone', (picture) => !jobOf(picture) && picture.pods(app).length === 0);
    },
  }),
};

const perIndex: Story = {
  name: 'an Indexed Job whose indexes each fail twice',
  late,
  begin: () => ({
    wrong: (picture, ledger) => indexRule(picture, ledger, 2),
    async tell(world) {
      await world.create(jobs, app, run('run=1s,exit=1', { completions: 2, parallelism: 2, completionMode: 'Indexed', backoffLimitPerIndex: 1 }));
      await world.until('failed', (picture) => is(picture, 'Failed') && noneIsHeld(picture));
    },
  }),
};

const backOff: Story = {
  name: 'a Job that fails, waits longer each time, and gives up',
  late,
  begin: () => ({
    wrong: (_, ledger) => madePods(ledger).length > 3 && `${madePods(ledger).length} were made, with 2 tries more`,
    async tell(world) {
      await world.create(jobs, app, run('run=1s,exit=1', { backoffLimit: 2 }));
      await world.until('failed', (picture) => is(picture, 'Failed') && noneIsHeld(picture));
    },
  }),
};

const policy: Story = {
  name: 'a Job that one exit code ends',
  late,
  begin: () => ({
    wrong: (_, ledger) => madePods(ledger).length > 1 && `${madePods(ledger).length} were made`,
    async tell(world) {
      const podFailurePolicy = { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] };
      await world.create(jobs, app, run('run=1s,exit=42', { completions: 2, podFailurePolicy }));
      await world.until('failed', (picture) => is(picture, 'Failed') && noneIsHeld(picture) && picture.active(app).length === 0);
    },
  }),
};

const suspended: Story = {
  name: 'a Job suspended, resumed, suspended while it runs, and resumed',
  late,
  begin() {
    let mayRun = false;
    return {
      wrong: (picture) => (picture.active(app).length > 2 ? `${picture.active(app).length} are active` : !mayRun && picture.active(app).length > 0 && 'it runs though it is suspended'),
      async tell(world) {
        await world.create(jobs, app, run('run=60s,end-exit=143', { completions: 2, parallelism: 2, suspend: true }));
        await world.until('suspended', (picture) => is(picture, 'Suspended'));
        mayRun = true;
        await world.patch(jobs, app, { spec: { suspend: false } });
        await world.until('runs', (picture) => picture.ready(app).length === 2);
        await world.patch(jobs, app, { spec: { suspend: true } });
        await world.until('rests', (picture) => picture.pods(app).length === 0 && is(picture, 'Suspended') && !jobOf(picture)?.status.active);
        await world.mark('rests');
        await world.patch(jobs, app, { spec: { suspend: false } });
        await world.until('complete', (picture) => is(picture, 'Complete') && noneIsHeld(picture));
      },
    };
  },
};

function cron(name: string, script: string, spec: object, mostActive: number): Story {
  const isOver = ({ status }: Job) => status.conditions?.some(({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True');
  return {
    name,
    late: ['jobs', 'cronjobs'],
    begin: () => ({
      wrong(picture, ledger) {
        const names = ledger.madeOf<Job>('jobs').map(({ metadata }) => metadata.name);
        if (new Set(names).size < names.length) return `a time was run twice: ${names.join()}`;
        const running = picture.of<Job>('jobs').filter((job) => !isOver(job) && !isBeingDeleted(job));
        return running.length > mostActive && `${running.length} run at once`;
      },
      async tell(world) {
        await world.create(cronJobs, app, { spec: { schedule: '* * * * *', jobTemplate: run(script, {}), successfulJobsHistoryLimit: 1, ...spec } });
        await world.until('three times', (picture) => Date.parse(picture.get<CronJob>('cronjobs', app)?.status.lastScheduleTime ?? '') >= Date.UTC(2026, 0, 1, 0, 3));
        await world.cluster.advance(30_000);
        await world.patch(cronJobs, app, { spec: { suspend: true } });
        await world.until('all are over', (picture) => picture.of<Job>('jobs').every(isOver) && !picture.get<CronJob>('cronjobs', app)?.status.active && noneIsHeld(picture));
        await world.mark('suspended');
        await world.delete(cronJobs, app);
        await world.until('gone', (picture) => picture.of('jobs').length === 0 && picture.pods(app).length === 0 && picture.of('cronjobs').length === 0);
      },
    }),
  };
}

export const jobStories: readonly Story[] = [
  plain, indexed, perIndex, backOff, policy, suspended,
  cron('a CronJob, each minute', 'run=5s', {}, 1),
  cron('a CronJob whose Jobs take the place of those before', 'run=100s', { concurrencyPolicy: 'Replace' }, 1),
  cron('a CronJob that waits for the Job before', 'run=100s', { concurrencyPolicy: 'Forbid' }, 1),
];
