// (f) How Pods end: the time of each step, as the processes themselves, the API's watches and /proc tell it, beside what
// is to be reached.
import { pods } from '../src/api/kinds/pod.ts';
import { replicationControllers } from '../src/api/kinds/replication-controller.ts';
import { services } from '../src/api/kinds/service.ts';
import { Endings, type Behaviour } from '../test/support/endings.ts';
import type { Figure } from './main.ts';
import { median } from './statistics.ts';
import type { Subject } from './subject.ts';

const rounds = 7;
const longRounds = 3;
const signal = new AbortController().signal;

export async function benchEndings(subject: Subject): Promise<Figure[]> {
  await using endings = new Endings(subject.client, subject.dataDir);
  const create = async (name: string, behaviour: Behaviour, terminationGracePeriodSeconds = 30) => {
    const spec = { terminationGracePeriodSeconds, volumes: endings.volumes, containers: [endings.container(name, 'c', behaviour)] };
    await subject.client.create(pods, { metadata: { name, namespace: 'default', labels: { app: 'ending' } }, spec } as never, signal);
    await endings.until(name, 'c starts');
    await endings.until(name, 'Ready');
  };
  const ended = async (name: string, options: { readonly gracePeriodSeconds?: number } = {}) => {
    await endings.delete(name, options);
    await endings.until(name, 'gone');
  };
  await subject.client.create(services, { metadata: { name: 'ending', namespace: 'default' }, spec: { selector: { app: 'ending' }, ports: [{ port: 80 }] } } as never, signal);
  await create('warm-up', { term: 'ends' });
  await ended('warm-up');

  const quick = await inTurn(rounds, 'quick', async (name) => {
    await create(name, { term: 'ends' });
    await ended(name);
  });
  const ignoring = await inTurn(longRounds, 'ignoring', async (name) => {
    await create(name, { term: 'ignores', beatMs: 20 }, 5);
    await ended(name);
  });
  const endless = await inTurn(longRounds, 'endless', async (name) => {
    await create(name, { term: 'ignores', beatMs: 20, hookSeconds: 600 }, 4);
    await ended(name);
  });
  const forced = await inTurn(longRounds, 'forced', async (name) => {
    await create(name, { term: 'ignores', beatMs: 20 }, 600);
    await endings.delete(name, { gracePeriodSeconds: 0 });
    await endings.until(name, 'c process gone');
  });
  const replaced = await replacements();
  const of = (names: readonly string[], what: string, which: 'first' | 'last' = 'first') => names.map((name) => endings.after(name, what, which));
  const between = (names: readonly string[], from: string, to: string) => names.map((name) => endings.after(name, to, 'first', from));
  return [
    figure('delete → SIGTERM in the process', of(quick, 'c TERM'), 'at most 50 ms'),
    figure('delete → endpoint no longer ready', of(quick, 'endpoint no longer ready, serving'), 'at most 20 ms'),
    figure('ends at once: delete → gone', of(quick, 'gone'), 'at most 500 ms'),
    figure('grace 5 s ignored: last sign of life', of(ignoring, 'c beat', 'last'), '5,000 to 5,300 ms'),
    figure('grace 5 s ignored: process gone', of(ignoring, 'c process gone'), ''),
    figure('grace 5 s ignored: from its end to gone', between(ignoring, 'c process gone', 'gone'), 'at most 500 ms'),
    figure('grace 4 s, endless preStop: SIGTERM', of(endless, 'c TERM'), '4,000 ms'),
    figure('grace 4 s, endless preStop: SIGKILL', of(endless, 'c process gone'), '6,000 ms'),
    figure('replica deleted → the next created', replaced.map(({ created }) => created), 'at most 20 ms'),
    figure('replica deleted → the next one’s process', replaced.map(({ started }) => started), 'at most 300 ms'),
    figure('force delete: process gone', of(forced, 'c process gone'), 'at most 2,500 ms'),
  ];

  /** Of a ReplicationController with one Pod, whose Pods end slowly. */
  async function replacements(): Promise<{ readonly created: number; readonly started: number }[]> {
    const labels = { app: 'replaced' };
    const container = endings.container('replicas', 'c', { term: 3 });
    const template = { metadata: { labels }, spec: { volumes: endings.volumes, containers: [container] } };
    await subject.client.create(replicationControllers, { metadata: { name: 'replaced', namespace: 'default' }, spec: { replicas: 1, selector: labels, template } } as never, signal);
    const all = async () => (await subject.client.list(pods, { namespace: 'default', labelSelector: 'app=replaced' }, signal)).items.map(({ metadata }) => metadata.name);
    const next = async (before: readonly string[]): Promise<string> => (await all()).find((name) => !before.includes(name)) ?? (await new Promise((resolve) => setTimeout(resolve, 20)), next(before));
    const found: { readonly created: number; readonly started: number }[] = [];
    for (let name = await next([]), round = 0; round < rounds; round++) {
      await endings.until(name, 'Ready');
      const starts = endings.of('replicas').filter(({ what }) => what === 'c starts').length;
      const before = await all();
      await endings.delete(name);
      const successor = await next(before);
      await endings.until(successor, 'Ready');
      const asked = endings.of(name).find(({ what }) => what === 'asked')!.atMs;
      found.push({ created: endings.of(successor)[0]!.atMs - asked, started: endings.of('replicas').filter(({ what }) => what === 'c starts')[starts]!.atMs - asked });
      await endings.until(name, 'gone');
      name = successor;
    }
    await subject.client.delete(replicationControllers, { namespace: 'default', name: 'replaced' }, {}, signal);
    return found;
  }
}

async function inTurn(count: number, prefix: string, work: (name: string) => Promise<void>): Promise<string[]> {
  const names = Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
  for (const name of names) await work(name);
  return names;
}

function figure(name: string, values: readonly number[], aim: string): Figure {
  const range = `${Math.round(Math.min(...values))}–${Math.round(Math.max(...values))}`;
  return { name: `endings: ${name}`, value: median(values), unit: 'ms', note: `${range} in ${values.length}${aim && `; aim: ${aim}`}` };
}
