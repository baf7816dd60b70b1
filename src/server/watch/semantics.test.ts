// The table of the API's documentation: what get, list and watch give for each way in which a resource version can be asked for.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ApiError } from '../../api/error.ts';
import { configMaps } from '../../api/kinds/index.ts';
import type { RequestOptions, WatchEvent } from '../../api/request.ts';
import type { KubeObject } from '../../api/types.ts';
import { admin, kindsWithoutRoles, never, startTestServer, type TestServer } from '../test-server.ts';

let server: TestServer;
/** Of the page after `a` and `b`, as of the newest revision. */
let token: string;

// 1: a, 2: b, 3: a is changed, 4: c.
before(async () => {
  server = await startTestServer({ kinds: kindsWithoutRoles });
  const put = (name: string) => server.call('create', configMaps, { namespace: 'default', body: { metadata: { name } } });
  await put('a');
  await put('b');
  await server.call('patch', configMaps, { namespace: 'default', name: 'a', patchType: 'merge', body: { data: { x: 'y' } } });
  await put('c');
  token = (await list({ limit: 2 })).metadata.continue;
});
after(() => server[Symbol.asyncDispose]());

const list = (options: RequestOptions) => server.call('list', configMaps, { namespace: 'default', options });
type Refusal = readonly [code: number, message: string];
const invalid = (...causes: string[]): Refusal => [422, `ListOptions.meta.k8s.io "" is invalid: ${causes.length === 1 ? causes[0] : `[${causes.join(', ')}]`}`];
const tooLarge: Refusal = [504, 'Timeout: Too large resource version: 9, current: 4'];
const unparsed: Refusal = [400, 'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'];
const match = 'resourceVersionMatch: Forbidden: resourceVersionMatch';
const needsVersion = `${match} is forbidden unless resourceVersion is provided`;
const exactZero = `${match} "exact" is forbidden for resourceVersion "0"`;
const withToken = `${match} is forbidden when continue is provided`;

async function told(what: Promise<unknown>): Promise<Refusal> {
  const error = await what.then(() => assert.fail('was accepted'), (thrown: unknown) => thrown);
  assert.ok(error instanceof ApiError, String(error));
  return [error.code, error.message];
}

describe('list', () => {
  /** Names, the list's revision, whether more follows, and how many are said to follow. */
  type Page = readonly [names: string, revision: string, more?: boolean, remaining?: number];
  const cells: [RequestOptions, Page | Refusal][] = [
    // No match: most recent, any, not older than.
    [{}, ['a b c', '4']],
    [{ resourceVersion: '0' }, ['a b c', '4']],
    [{ resourceVersion: '2' }, ['a b c', '4']],
    [{ resourceVersion: '4' }, ['a b c', '4']],
    [{ resourceVersion: '9' }, tooLarge],
    [{ resourceVersion: 'x' }, unparsed],
    // In pages: most recent, any, and exact, as before there were matches.
    [{ limit: 2 }, ['a b', '4', true, 1]],
    [{ limit: 2, resourceVersion: '0' }, ['a b', '4', true, 1]],
    [{ limit: 1, resourceVersion: '2' }, ['a', '2', true, 1]],
    [{ limit: 2, resourceVersion: '2' }, ['a b', '2']],
    [{ limit: 2, resourceVersion: '9' }, tooLarge],
    [{ limit: 3 }, ['a b c', '4']],
    [{ limit: 1, labelSelector: '!none' }, ['a', '4', true, undefined]],
    // Exact.
    [{ resourceVersionMatch: 'Exact' }, invalid(needsVersion)],
    [{ resourceVersionMatch: 'Exact', resourceVersion: '0' }, invalid(exactZero)],
    [{ resourceVersionMatch: 'Exact', resourceVersion: '2' }, ['a b', '2']],
    [{ resourceVersionMatch: 'Exact', resourceVersion: '9' }, tooLarge],
    [{ resourceVersionMatch: 'Exact', limit: 1 }, invalid(needsVersion)],
    [{ resourceVersionMatch: 'Exact', limit: 1, resourceVersion: '0' }, invalid(exactZero)],
    [{ resourceVersionMatch: 'Exact', limit: 1, resourceVersion: '2' }, ['a', '2', true, 1]],
    // Not older than.
    [{ resourceVersionMatch: 'NotOlderThan' }, invalid(needsVersion)],
    [{ resourceVersionMatch: 'NotOlderThan', resourceVersion: '0' }, ['a b c', '4']],
    [{ resourceVersionMatch: 'NotOlderThan', resourceVersion: '2' }, ['a b c', '4']],
    [{ resourceVersionMatch: 'NotOlderThan', resourceVersion: '9' }, tooLarge],
    [{ resourceVersionMatch: 'NotOlderThan', limit: 1 }, invalid(needsVersion)],
    [{ resourceVersionMatch: 'NotOlderThan', limit: 1, resourceVersion: '0' }, ['a', '4', true, 2]],
    [{ resourceVersionMatch: 'NotOlderThan', limit: 1, resourceVersion: '2' }, ['a', '4', true, 2]],
    // What makes no sense.
    [{ resourceVersionMatch: 'Roughly', resourceVersion: '2' }, invalid('resourceVersionMatch: Unsupported value: "Roughly": supported values: "Exact", "NotOlderThan", ""')],
    [{ sendInitialEvents: true }, invalid('sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list')],
    [{ sendInitialEvents: false }, invalid('sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list')],
    [{ limit: -1 }, invalid('limit: Invalid value: -1: must be greater than or equal to 0')],
  ];
  for (const [options, expected] of cells) {
    test(JSON.stringify(options), async () => {
      if (typeof expected[0] === 'number') return assert.deepEqual(await told(list(options)), expected);
      const { items, metadata } = await list(options);
      const [names, revision, more = false, remaining] = expected as Page;
      assert.deepEqual([items.map((item: KubeObject) => item.metadata.name).join(' '), metadata.resourceVersion, metadata.continue !== undefined, metadata.remainingItemCount], [names, revision, more, remaining]);
    });
  }

  test('with a token: its own snapshot, any, and nothing else', async () => {
    for (const resourceVersion of [undefined, '0']) {
      const { items, metadata } = await list({ limit: 2, continue: token, resourceVersion });
      assert.deepEqual([items.map((item: KubeObject) => item.metadata.name), metadata.resourceVersion, metadata.continue], [['c'], '4', undefined]);
    }
    assert.deepEqual(await told(list({ limit: 2, continue: token, resourceVersion: '2' })), [400, 'specifying resource version is not allowed when using continue']);
    assert.deepEqual(await told(list({ continue: token, resourceVersionMatch: 'Exact' })), invalid(needsVersion, withToken));
    assert.deepEqual(await told(list({ continue: token, resourceVersionMatch: 'NotOlderThan', resourceVersion: '2' })), invalid(withToken));
  });

  test('exact pages go on at their revision', async () => {
    const first = await list({ limit: 1, resourceVersion: '2', resourceVersionMatch: 'Exact' });
    const second = await list({ limit: 1, continue: first.metadata.continue });
    assert.deepEqual([second.items[0].metadata.name, second.metadata.resourceVersion, second.metadata.continue], ['b', '2', undefined]);
  });
});

test('get: whatever is there, unless it is asked for what is to come', async () => {
  const get = (resourceVersion?: string) => server.call('get', configMaps, { namespace: 'default', name: 'a', options: { resourceVersion } });
  for (const version of [undefined, '0', '1', '4']) assert.equal((await get(version)).metadata.resourceVersion, '3');
  assert.deepEqual(await told(get('9')), tooLarge);
  assert.deepEqual(await told(get('x')), unparsed);
});

describe('watch', () => {
  const initial = ['ADDED a@3', 'ADDED b@2', 'ADDED c@4'];
  const needsMatch = 'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
  const onlyWith = `${match} is forbidden for watch unless sendInitialEvents is provided`;
  const NotOlderThan = { resourceVersionMatch: 'NotOlderThan' } as const;
  const cells: [RequestOptions, readonly string[] | Refusal][] = [
    [{}, initial],
    [{ resourceVersion: '0' }, initial],
    [{ resourceVersion: '2' }, ['MODIFIED a@3', 'ADDED c@4']],
    [{ resourceVersion: '4' }, []],
    [{ resourceVersion: '9' }, tooLarge],
    [{ resourceVersion: 'x' }, unparsed],
    [{ sendInitialEvents: true, ...NotOlderThan, allowWatchBookmarks: true }, [...initial, 'END @4']],
    [{ sendInitialEvents: true, ...NotOlderThan, allowWatchBookmarks: true, resourceVersion: '0' }, [...initial, 'END @4']],
    [{ sendInitialEvents: true, ...NotOlderThan, allowWatchBookmarks: true, resourceVersion: '2' }, [...initial, 'END @4']],
    [{ sendInitialEvents: true, ...NotOlderThan, allowWatchBookmarks: true, resourceVersion: '9' }, tooLarge],
    [{ sendInitialEvents: true, ...NotOlderThan }, initial],
    [{ sendInitialEvents: false, ...NotOlderThan }, []],
    [{ sendInitialEvents: false, ...NotOlderThan, resourceVersion: '2' }, ['MODIFIED a@3', 'ADDED c@4']],
    [{ sendInitialEvents: true }, invalid(needsMatch)],
    [{ sendInitialEvents: false }, invalid(needsMatch)],
    [{ sendInitialEvents: true, resourceVersionMatch: 'Exact' }, invalid(needsMatch, 'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"')],
    [{ ...NotOlderThan }, invalid(onlyWith)],
    [{ ...NotOlderThan, resourceVersion: '2' }, invalid(onlyWith)],
    [{ resourceVersionMatch: 'Exact', resourceVersion: '2' }, invalid(onlyWith, 'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"')],
    [{ sendInitialEvents: true, ...NotOlderThan, continue: 'x' }, invalid(withToken)],
  ];
  for (const [options, expected] of cells) {
    test(JSON.stringify(options), async () => {
      const seen = events({ ...options, timeoutSeconds: 1 });
      if (typeof expected[0] === 'number') return assert.deepEqual(await told(seen), expected);
      await server.clock.advance(1000);
      assert.deepEqual(await seen, expected);
    });
  }
});

async function events(options: RequestOptions): Promise<string[]> {
  const seen: string[] = [];
  for await (const { type, object } of server.server.transport(admin).watch<KubeObject>({ verb: 'watch', resource: configMaps, namespace: 'default', options }, never) as AsyncIterable<WatchEvent>) {
    const { name, resourceVersion, annotations } = (object as KubeObject).metadata;
    seen.push(type === 'BOOKMARK' ? `${annotations?.['k8s.io/initial-events-end'] === 'true' ? 'END' : type} @${resourceVersion}` : `${type} ${name}@${resourceVersion}`);
  }
  return seen;
}

test('a thousand and more watchers of one kind are all told, and leave nothing behind', async () => {
  await using api = await startTestServer({ kinds: kindsWithoutRoles });
  const leaving = new AbortController();
  let told = 0;
  const all = Array.from({ length: 3000 }, async () => {
    for await (const { type } of api.server.transport(admin).watch({ verb: 'watch', resource: configMaps, options: {} }, leaving.signal)) if (type === 'ADDED' && ++told === 3000 * 3) leaving.abort();
  });
  for (const name of ['a', 'b', 'c']) await api.call('create', configMaps, { namespace: 'default', body: { metadata: { name } } });
  await Promise.all(all);
  assert.equal(told, 9000);
});
