// `peapod timeline POD`: the life of a Pod, drawn; also for a while after it is gone.
import { isReason } from '../../api/error.ts';
import { podTimelines, type PodTimeline } from '../../api/kinds/pod-timeline.ts';
import { systemClock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import { clientFor } from '../../cluster/client-for.ts';
import { runningInstance } from '../../cluster/instance.ts';
import { layoutOf } from '../../cluster/layout.ts';
import { UserError } from '../../cluster/user-error.ts';
import { drawTimeline } from '../../timeline/draw.ts';

export interface TimelineFlags {
  readonly dataDir: string;
  /** Of a cluster that does not run on this machine; as `peapod kubeconfig` writes it. */
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly output: 'text' | 'json';
  readonly follow?: boolean;
  readonly ascii?: boolean;
}

const everyMs = 500;
const patienceMs = 10_000;
/** What is written where nobody has said how wide it is. */
const usualColumns = 100;

export async function runTimeline(pod: string, flags: TimelineFlags): Promise<void> {
  const kubeconfig = flags.kubeconfig ?? runningInstance(layoutOf(flags.dataDir).instance)?.kubeconfig;
  if (kubeconfig === undefined) throw new UserError(`no cluster runs on ${flags.dataDir}`, 'start one with: peapod up, or give its --data-dir');
  await using connection = clientFor(kubeconfig);
  const { client } = connection;
  if (!flags.follow) return print(await read(client, pod, flags), flags);
  let last = '';
  for (;;) {
    const timeline = await read(client, pod, flags);
    const text = textOf(timeline, flags);
    if (flags.output === 'json') {
      // A line whenever there is something new.
      const line = JSON.stringify(timeline);
      if (line !== last) process.stdout.write(`${line}\n`);
      last = line;
    } else if (process.stdout.isTTY) process.stdout.write(`\u001B[H\u001B[J${text.trimEnd()}`);
    if (timeline.steps.at(-1)?.type === 'Gone') {
      if (flags.output === 'text') process.stdout.write(process.stdout.isTTY ? '\n' : text);
      return;
    }
    await systemClock.sleep(everyMs, new AbortController().signal);
  }
}

async function read(client: Client, name: string, { namespace }: TimelineFlags): Promise<PodTimeline> {
  try {
    return await client.get(podTimelines, { namespace, name }, AbortSignal.timeout(patienceMs));
  } catch (error) {
    if (isReason(error, 'NotFound')) throw new UserError(`nothing is known of a Pod ${name} in the namespace ${namespace}`, 'those that are known: peapod kubectl get podtimelines -A', { cause: error });
    throw error;
  }
}

function print(timeline: PodTimeline, flags: TimelineFlags): void {
  process.stdout.write(flags.output === 'json' ? `${JSON.stringify(timeline, null, 2)}\n` : textOf(timeline, flags));
}

function textOf(timeline: PodTimeline, { ascii, follow }: TimelineFlags): string {
  const isTerminal = process.stdout.isTTY === true;
  const columns = process.stdout.columns ?? (Number(process.env['COLUMNS']) || usualColumns);
  const draw = (mostSteps?: number) => drawTimeline(timeline, {
    columns,
    colours: isTerminal ? !process.env['NO_COLOR'] : process.env['FORCE_COLOR'] !== undefined,
    ascii: ascii ?? !speaksUtf8(),
    nowMs: systemClock.wallMs(),
    mostSteps,
  });
  // What has scrolled out of a terminal cannot be drawn over: there the newest steps have the room that the lanes leave.
  const lines = follow && isTerminal ? draw(Math.max(process.stdout.rows - draw(0).length, 3)) : draw();
  return `${lines.join('\n')}\n`;
}

function speaksUtf8(): boolean {
  const locale = process.env['LC_ALL'] || process.env['LC_CTYPE'] || process.env['LANG'] || '';
  // Where nothing is said, terminals of today speak it.
  return locale === '' || /utf-?8/i.test(locale);
}
