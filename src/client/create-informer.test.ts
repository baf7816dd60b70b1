import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../api/error.ts';
import type { Resource } from '../api/kind.ts';
import type { ApiRequest, Transport, WatchEvent } from '../api/request.ts';
import type { KubeObject } from '../api/types.ts';
import { Channel } from '../base/channel.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { Client } from './client.ts';
import { createInformer } from './create-informer.ts';

const things: Resource = { group: '', version: 'v1', plural: 'things', kind: 'Thing', namespaced: true };

const thing = (name: string, resourceVersion: string, labels: Record<string, string> = {}): KubeObject => ({
  metadata: { name, namespace: 'default', uid: name, resourceVersion, creationTimestamp: '', labels },
});

/** A server whose answers the test gives one by one. */
class ScriptedTransport implements Transport {
  lists: (readonly KubeObject[] | Error)[] = [];
  revision = '10';
  readonly asked: string[] = [];
  watching: Channel<WatchEvent> | undefined;

  async call<T>(request: ApiRequest): Promise<T> {
    this.asked.push(request.verb);
    const items = this.lists.shift()!;
    if (items instanceof Error) throw items;
    return { items, metadata: { resourceVersion: this.revision } } as T;
  }

  async *watch<T>(request: ApiRequest, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    this.asked.push(`watch ${request.options.resourceVersion}`);
    this.watching = new Channel<WatchEvent>(100);
    yield* this.watching.read(signal) as AsyncGenerator<WatchEvent<T>>;
  }

  connect = () => Promise.reject(new Error('not here'));
}

async function started(lists: ScriptedTransport['lists']) {
  const clock = new VirtualClock();
  const transport = new ScriptedTransport();
  transport.lists = lists;
  const byApp = ({ metadata }: KubeObject) => (metadata.labels?.app ? [metadata.labels.app] : []);
  const informer = createInformer(new Client(transport), things, { indexes: { app: byApp } }, { clock, random: seededRandom(1), log: silentLog });
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  const told: string[] = [];
  informer.onChange((before, after) => told.push(`${before?.metadata.resourceVersion ?? '-'}>${after?.metadata.resourceVersion ?? '-'}`));
  await clock.advance(0);
  return { clock, transport, informer, told, stop: async () => (stop.abort(), await running) };
}

const names = (objects: readonly KubeObject[]) => objects.map(({ metadata }) => metadata.name).sort();

test('the copy follows list and watch, and its indexes with it', async () => {
  const { clock, transport, informer, told, stop } = await started([[thing('a', '1', { app: 'x' })]]);
  assert.ok(informer.hasSynced);
  transport.watching!.push({ type: 'ADDED', object: thing('b', '11', { app: 'x' }) });
  transport.watching!.push({ type: 'MODIFIED', object: thing('a', '12', { app: 'y' }) });
  await clock.advance(0);
  assert.deepEqual(names(informer.by('app', 'x')), ['b']);
  assert.deepEqual(names(informer.by('app', 'y')), ['a']);
  transport.watching!.push({ type: 'DELETED', object: thing('b', '13') });
  await clock.advance(0);
  assert.deepEqual(names(informer.list()), ['a']);
  assert.equal(informer.resourceVersion, '13');
  assert.deepEqual(told, ['->1', '->11', '1>12', '11>-']);
  await stop();
});

test('who listens late is told of all that is there', async () => {
  const { informer, stop } = await started([[thing('a', '1'), thing('b', '2')]]);
  const seen: string[] = [];
  informer.onChange((_, after) => seen.push(after!.metadata.name));
  assert.deepEqual(seen.sort(), ['a', 'b']);
  await stop();
});

test('a watch that ends is taken up from the newest revision, bookmarks included', async () => {
  const { clock, transport, stop } = await started([[]]);
  transport.watching!.push({ type: 'BOOKMARK', object: thing('', '42') });
  await clock.advance(0);
  transport.watching!.close();
  await clock.advance(0);
  assert.deepEqual(transport.asked, ['list', 'watch 10', 'watch 42']);
  await stop();
});

test('when history is lost it lists again, and tells of the difference only', async () => {
  const { clock, transport, told, stop } = await started([[thing('a', '1'), thing('b', '2'), thing('c', '3')], [thing('a', '1'), thing('b', '20')]]);
  told.length = 0;
  transport.watching!.close(ApiError.expired('too old'));
  await clock.advance(0);
  assert.deepEqual(told.sort(), ['2>20', '3>-']);
  assert.deepEqual(transport.asked, ['list', 'watch 10', 'list', 'watch 10']);
  await stop();
});

test('failures are tried again after growing waits', async () => {
  const down = new Error('down');
  const { clock, transport, informer, stop } = await started([down, down, []]);
  assert.equal(transport.asked.length, 1);
  await clock.advance(75);
  assert.equal(transport.asked.length, 2);
  assert.ok(!informer.hasSynced);
  await clock.advance(150);
  assert.ok(informer.hasSynced);
  await stop();
});

test('a watch that ends at once, again and again, does not make it spin', async () => {
  const { clock, transport, stop } = await started([[]]);
  for (let round = 0; round < 20; round++) {
    transport.watching!.close();
    await clock.advance(10);
  }
  assert.ok(transport.asked.length < 8, `${transport.asked.length} requests in 200 ms`);
  await stop();
});

test('history that is lost again and again does not make it spin either', async () => {
  const { clock, transport, stop } = await started(Array.from({ length: 30 }, () => []));
  for (let round = 0; round < 20; round++) {
    transport.watching!.close(ApiError.expired('too old'));
    await clock.advance(10);
  }
  assert.ok(transport.asked.length < 14, `${transport.asked.length} requests in 200 ms`);
  await stop();
});

test('a quiet watch that is cut off after hours is taken up as soon as the first time', async () => {
  const { clock, transport, stop } = await started([[]]);
  for (let day = 0; day < 12; day++) {
    await clock.advance(86_400_000);
    const asked = transport.asked.length;
    transport.watching!.close(new Error('cut off'));
    await clock.advance(100);
    assert.equal(transport.asked.length, asked + 1, `day ${day}`);
  }
  await stop();
});
