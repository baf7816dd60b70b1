// Lists and watches, over the transport in process.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiError } from '../../api/error.ts';
import { configMaps, pods } from '../../api/kinds/index.ts';
import type { ApiRequest, RequestOptions, WatchEvent } from '../../api/request.ts';
import type { KubeObject } from '../../api/types.ts';
import { admin, kindsWithoutRoles, never, startTestServer, type TestServer } from '../test-server.ts';

const withServer = (run: (server: TestServer) => Promise<void>) => async () => {
  await using server = await startTestServer({ kinds: kindsWithoutRoles });
  await run(server);
};

const put = ({ call }: TestServer, name: string, labels: Record<string, string> = {}, namespace = 'default') =>
  call('create', configMaps, { namespace, body: { metadata: { name, labels } } });
const label = ({ call }: TestServer, name: string, labels: Record<string, string | null>) =>
  call('patch', configMaps, { namespace: 'default', name, patchType: 'merge', body: { metadata: { labels } } });
const list = ({ call }: TestServer, options: RequestOptions = {}, namespace = 'default') => call('list', configMaps, { namespace, options });
const names = (of: { items: readonly KubeObject[] }) => of.items.map((item) => item.metadata.name);

/** The first `count` events of a watch, each as `TYPE name@revision`. */
async function watched({ server }: TestServer, count: number, options: RequestOptions, act: () => Promise<unknown> = async () => {}, rest: Partial<ApiRequest> = { namespace: 'default' }): Promise<string[]> {
  const stop = new AbortController();
  const seen: string[] = [];
  const request: ApiRequest = { verb: 'watch', resource: configMaps, options, ...rest };
  const events = server.transport(admin).watch<KubeObject>(request, stop.signal)[Symbol.asyncIterator]();
  const next = () => events.next().then(({ value, done }) => void (done || seen.push(text(value as WatchEvent))));
  const first = next();
  await act();
  await first;
  while (seen.length < count) await next();
  stop.abort();
  return seen;
}

function text({ type, object }: WatchEvent): string {
  const { metadata } = object as KubeObject;
  return type === 'BOOKMARK' ? `BOOKMARK @${metadata.resourceVersion} ${JSON.stringify(metadata.annotations ?? {})}` : `${type} ${metadata.name}@${metadata.resourceVersion}`;
}

async function refused(promise: Promise<unknown>, code: number, message: string | RegExp): Promise<ApiError> {
  const error = await promise.then(() => assert.fail('was accepted'), (error: unknown) => error);
  assert.ok(error instanceof ApiError, String((error as Error).stack));
  if (typeof message === 'string') assert.equal(error.message, message);
  else assert.match(error.message, message);
  assert.equal(error.code, code);
  return error;
}

describe('list', () => {
  test('is in key order, by namespace, label and field', withServer(async (server) => {
    for (const name of ['c', 'a', 'b']) await put(server, name, { tier: name });
    await put(server, 'z', { tier: 'a' }, 'aaa');
    await put(server, 'z', {}, 'default-2');
    assert.deepEqual(names(await list(server)), ['a', 'b', 'c']);
    assert.deepEqual((await list(server, {}, '')).items.map((item: KubeObject) => item.metadata.namespace), ['aaa', 'default-2', 'default', 'default', 'default']);
    assert.deepEqual(names(await list(server, { labelSelector: 'tier in (a,b)' })), ['a', 'b']);
    assert.deepEqual(names(await list(server, { fieldSelector: 'metadata.name=b' })), ['b']);
    assert.deepEqual(names(await list(server, { fieldSelector: 'metadata.name=nothing' })), []);
    await refused(list(server, { labelSelector: 'a==b==c' }), 400, /unable to parse requirement|found/);
    await refused(list(server, { fieldSelector: 'data.x=1' }), 400, /data\.x/);
  }));

  test('in pages is one snapshot, whatever changes between them', withServer(async (server) => {
    for (let i = 0; i < 7; i++) await put(server, `m${i}`);
    const first = await list(server, { limit: 3 });
    assert.deepEqual([names(first), first.metadata.remainingItemCount], [['m0', 'm1', 'm2'], 4]);
    await server.call('delete', configMaps, { namespace: 'default', name: 'm4' });
    await label(server, 'm5', { changed: 'yes' });
    await put(server, 'm3a');
    const second = await list(server, { limit: 3, continue: first.metadata.continue });
    assert.deepEqual(names(second), ['m3', 'm4', 'm5']);
    assert.deepEqual([second.items[2].metadata.labels, second.metadata.resourceVersion, second.metadata.remainingItemCount], [{}, first.metadata.resourceVersion, 1]);
    const third = await list(server, { limit: 3, continue: second.metadata.continue });
    assert.deepEqual([names(third), third.metadata.continue], [['m6'], undefined]);
    assert.deepEqual(names(await list(server, {})), ['m0', 'm1', 'm2', 'm3', 'm3a', 'm5', 'm6']);
  }));

  test('says Expired when a page comes too late, with a token that goes on', withServer(async (server) => {
    for (let i = 0; i < 4; i++) await put(server, `m${i}`);
    const first = await list(server, { limit: 2 });
    for (let i = 0; i < 16_400; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => put(server, `x${i + j}`)));
    const error = await refused(list(server, { limit: 2, continue: first.metadata.continue }), 410, /^The provided continue parameter is too old to display a consistent list result/);
    assert.equal(error.reason, 'Expired');
    const goesOn = (error.toStatus().metadata as { continue: string }).continue;
    assert.deepEqual(names(await list(server, { limit: 2, continue: goesOn })), ['m2', 'm3']);
    await refused(list(server, { resourceVersion: '3', resourceVersionMatch: 'Exact' }), 410, 'The resourceVersion for the provided list is too old.');
  }));

  test('honours resourceVersion', withServer(async (server) => {
    await put(server, 'a');
    await put(server, 'b');
    assert.deepEqual(names(await list(server, { resourceVersion: '0' })), ['a', 'b']);
    assert.deepEqual(names(await list(server, { resourceVersion: '1' })), ['a', 'b']);
    const exact = await list(server, { resourceVersion: '1', resourceVersionMatch: 'Exact' });
    assert.deepEqual([names(exact), exact.metadata.resourceVersion], [['a'], '1']);
    await refused(list(server, { resourceVersion: '99' }), 504, 'Timeout: Too large resource version: 99, current: 2');
    await refused(list(server, { resourceVersion: 'x' }), 400, /^invalid resource version: .*"x"/);
    await refused(list(server, { resourceVersion: '-1' }), 400, /^invalid resource version/);
    await refused(list(server, { resourceVersionMatch: 'Exact' }), 422, /resourceVersionMatch is forbidden unless resourceVersion is provided/);
    await refused(list(server, { continue: 'nonsense' }), 400, /continue key is not valid/);
    await refused(list(server, { limit: -1 }), 422, /limit/);
  }));
});

describe('watch', () => {
  test('from nowhere tells what is there, then what comes', withServer(async (server) => {
    await put(server, 'a');
    assert.deepEqual(await watched(server, 4, {}, async () => {
      await put(server, 'b');
      await label(server, 'a', { x: 'y' });
      await server.call('delete', configMaps, { namespace: 'default', name: 'b' });
    }), ['ADDED a@1', 'ADDED b@2', 'MODIFIED a@3', 'DELETED b@4']);
  }));

  test('from a revision tells what was missed', withServer(async (server) => {
    await put(server, 'a');
    await put(server, 'other', {}, 'elsewhere');
    await label(server, 'a', { x: 'y' });
    await server.call('delete', configMaps, { namespace: 'default', name: 'a' });
    assert.deepEqual(await watched(server, 3, { resourceVersion: '1' }, () => put(server, 'b')), ['MODIFIED a@3', 'DELETED a@4', 'ADDED b@5']);
  }));

  test('by a selector sees objects come and go', withServer(async (server) => {
    await put(server, 'a', { app: 'x' });
    const seen = await watched(server, 6, { labelSelector: 'app=x', resourceVersion: '1' }, async () => {
      await label(server, 'a', { more: '1' });
      await label(server, 'a', { app: 'y' });
      await label(server, 'a', { more: '2' });
      await put(server, 'b', { app: 'z' });
      await label(server, 'b', { app: 'x' });
      await server.call('delete', configMaps, { namespace: 'default', name: 'b' });
      await label(server, 'a', { app: 'x' });
      await label(server, 'a', { more: null });
    });
    assert.deepEqual(seen, ['MODIFIED a@2', 'DELETED a@3', 'ADDED b@6', 'DELETED b@7', 'ADDED a@8', 'MODIFIED a@9']);
  }));

  test('of one name, and of a field', withServer(async (server) => {
    await put(server, 'a');
    await put(server, 'b');
    assert.deepEqual(await watched(server, 2, { fieldSelector: 'metadata.name=b' }, () => label(server, 'b', { x: 'y' })), ['ADDED b@2', 'MODIFIED b@3']);
    const stop = new AbortController();
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await server.call('create', pods, { namespace: 'default', body: { metadata: { name: 'p' }, spec } });
    const events = server.server.transport(admin).watch<KubeObject>({ verb: 'watch', resource: pods, options: { fieldSelector: 'spec.nodeName=n1', resourceVersion: '4' } }, stop.signal)[Symbol.asyncIterator]();
    const first = events.next();
    await server.call('create', pods, { namespace: 'default', name: 'p', subresource: 'binding', body: { target: { kind: 'Node', name: 'n1' } } });
    assert.equal(text((await first).value as WatchEvent), 'ADDED p@5');
    stop.abort();
  }));

  test('from a revision that history has lost is Expired', withServer(async (server) => {
    for (let i = 0; i < 16_400; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => put(server, `x${i + j}`)));
    await refused(watched(server, 1, { resourceVersion: '10' }), 410, /^too old resource version: 10 \(\d+\)$/);
  }));

  test('sends initial events with their end, then bookmarks', withServer(async (server) => {
    await put(server, 'a');
    const options: RequestOptions = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true };
    assert.deepEqual(await watched(server, 3, options, async () => {
      await put(server, 'other', {}, 'elsewhere');
      await server.clock.advance(61_000);
    }), ['ADDED a@1', 'BOOKMARK @1 {"k8s.io/initial-events-end":"true"}', 'BOOKMARK @2 {}']);
    await refused(watched(server, 1, { sendInitialEvents: true }), 422, /resourceVersionMatch/);
  }));

  test('ends after timeoutSeconds', withServer(async (server) => {
    const events: unknown[] = [];
    const ended = (async () => {
      for await (const event of server.server.transport(admin).watch({ verb: 'watch', resource: configMaps, options: { timeoutSeconds: 5 } }, never)) events.push(event);
    })();
    await server.clock.advance(5000);
    await ended;
    assert.deepEqual(events, []);
  }));

  test('cuts off a reader that falls too far behind', withServer(async (server) => {
    const events = server.server.transport(admin).watch({ verb: 'watch', resource: configMaps, options: {} }, never)[Symbol.asyncIterator]();
    const first = events.next();
    for (let i = 0; i < 1100; i++) await put(server, `x${i}`);
    await first;
    await refused((async () => {
      while (!(await events.next()).done);
    })(), 410, /too far behind/);
  }));

  test('tells the writer nothing before its watchers', withServer(async (server) => {
    const stop = new AbortController();
    const seen = new Set<string>();
    const watching = (async () => {
      for await (const { object } of server.server.transport(admin).watch<KubeObject>({ verb: 'watch', resource: configMaps, options: {} }, stop.signal)) seen.add((object as KubeObject).metadata.name);
    })();
    await put(server, 'a');
    assert.deepEqual(names(await list(server)), ['a']);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(seen.has('a'));
    stop.abort();
    await watching;
  }));
});

test('those who watch Pods of one node, or one object, are told of those and no others; to list by node is the same as to look at all', async () => {
  await using api = await startTestServer();
  const pod = (name: string, nodeName?: string) => api.call('create', pods, { namespace: 'default', body: { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { nodeName, containers: [{ name: 'c', image: 'i' }] } } });
  await pod('before', 'a');
  const told: Record<string, string[]> = {};
  const leaving = new AbortController();
  const follow = async (who: string, options: object) => {
    told[who] = [];
    const { metadata } = await api.call('list', pods, { options });
    void (async () => {
      for await (const { type, object } of api.server.transport(admin).watch<KubeObject>({ verb: 'watch', resource: pods, options: { ...options, resourceVersion: metadata.resourceVersion } }, leaving.signal)) told[who]!.push(`${type} ${(object as KubeObject).metadata.name}`);
    })();
  };
  for (const node of ['a', 'b']) await follow(node, { fieldSelector: `spec.nodeName=${node}` });
  await follow('none', { fieldSelector: 'spec.nodeName=' });
  await follow('c', { fieldSelector: 'metadata.name=c' });
  await follow('a, of one label', { fieldSelector: 'spec.nodeName=a', labelSelector: 'x=y' });
  await pod('c');
  await pod('d', 'b');
  await api.call('create', pods, { namespace: 'default', name: 'c', subresource: 'binding', body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'c' }, target: { kind: 'Node', name: 'a' } } });
  await api.call('patch', pods, { namespace: 'default', name: 'before', patchType: 'merge', body: { metadata: { labels: { x: 'y' } } } });
  const names = async (fieldSelector: string) => (await api.call('list', pods, { options: { fieldSelector } })).items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  assert.deepEqual([await names('spec.nodeName=a'), await names('spec.nodeName=b'), await names('spec.nodeName='), await names('spec.nodeName!=a')], [['before', 'c'], ['d'], [], ['d']]);
  await api.call('delete', pods, { namespace: 'default', name: 'd', body: { gracePeriodSeconds: 0 } });
  assert.deepEqual(await names('spec.nodeName=b'), []);
  await new Promise((resolve) => setImmediate(resolve));
  leaving.abort();
  assert.deepEqual(told, {
    a: ['ADDED c', 'MODIFIED before'],
    b: ['ADDED d', 'DELETED d'],
    none: ['ADDED c', 'DELETED c'],
    c: ['ADDED c', 'MODIFIED c'],
    'a, of one label': ['ADDED before'],
  });
});
