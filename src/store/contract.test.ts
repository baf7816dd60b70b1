// What every store must do, run against each of them.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createMemoryStore } from './memory/memory-store.ts';
import { openSqliteStore } from './sqlite/sqlite-store.ts';
import { Compacted, Conflict, type Change, type Store } from './store.ts';

const never = new AbortController().signal;

const stores: Record<string, (use: (store: Store) => Promise<void>) => Promise<void>> = {
  memory: async (use) => {
    const store = createMemoryStore();
    await use(store);
    await store.close();
  },
  sqlite: async (use) => {
    const directory = await mkdtemp(join(tmpdir(), 'peapod-store-'));
    const store = openSqliteStore(join(directory, 'state.db'));
    try {
      await use(store);
    } finally {
      await store.close();
      await rm(directory, { recursive: true });
    }
  },
};

for (const [name, withStore] of Object.entries(stores)) {
  describe(`${name} store`, () => {
    const contract = (title: string, run: (store: Store) => Promise<void>) => test(title, () => withStore(run));

    contract('is empty at first', async (store) => {
      assert.equal(await store.get('/a', never), undefined);
      assert.equal(await store.revision(never), 0);
      assert.deepEqual(await store.list('/', {}, never), { entries: [], revision: 0, more: false, remaining: 0 });
    });

    contract('creates, replaces and deletes, each with the next revision', async (store) => {
      assert.equal(await store.swap('/a', 0, '1', never), 1);
      assert.equal(await store.swap('/a', 1, '2', never), 2);
      const entry = await store.get('/a', never);
      assert.deepEqual([entry?.value, entry?.revision], ['2', 2]);
      assert.equal(await store.swap('/a', 2, null, never), 3);
      assert.equal(await store.get('/a', never), undefined);
      assert.equal(await store.swap('/a', 0, '3', never), 4);
    });

    contract('refuses a swap from another revision, and says which it is', async (store) => {
      await store.swap('/a', 0, '1', never);
      await assert.rejects(store.swap('/a', 0, '2', never), (error) => error instanceof Conflict && error.actual === 1);
      await assert.rejects(store.swap('/b', 7, '2', never), (error) => error instanceof Conflict && error.actual === 0);
      assert.equal(await store.revision(never), 1);
    });

    contract('lets exactly one of many racing swaps win', async (store) => {
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => store.swap('/a', 0, `${i}`, never)));
      assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
      assert.equal((await store.get('/a', never))?.value, '0');
    });

    contract('lists in key order, in pages, at one revision', async (store) => {
      for (const key of ['/p/b', '/p/a', '/q/x', '/p/c']) await store.swap(key, 0, key, never);
      const first = await store.list('/p/', { limit: 2 }, never);
      assert.deepEqual(first.entries.map((entry) => entry.key), ['/p/a', '/p/b']);
      assert.deepEqual([first.more, first.remaining, first.revision], [true, 1, 4]);
      await store.swap('/p/c', 4, 'changed', never);
      await store.swap('/p/a', 2, null, never);
      await store.swap('/p/d', 0, 'late', never);
      const second = await store.list('/p/', { after: '/p/b', at: first.revision }, never);
      assert.deepEqual(second.entries.map((entry) => entry.value), ['/p/c']);
      assert.equal(second.revision, 4);
      const whole = await store.list('/p/', { at: 4 }, never);
      assert.deepEqual(whole.entries.map((entry) => [entry.key, entry.revision]), [['/p/a', 2], ['/p/b', 1], ['/p/c', 4]]);
      assert.deepEqual((await store.list('/p/', {}, never)).entries.map((entry) => entry.key), ['/p/b', '/p/c', '/p/d']);
    });

    contract('tells followers before the writer', async (store) => {
      const seen: string[] = [];
      using _following = await store.follow('/p/', 0, (changes) => seen.push(...changes.map((change) => change.key)));
      await Promise.all([
        store.swap('/p/a', 0, '1', never).then(() => assert.ok(seen.includes('/p/a'))),
        store.swap('/q/a', 0, '1', never),
        store.swap('/p/a', 0, '2', never).catch(() => assert.ok(seen.includes('/p/a'))),
      ]);
      assert.deepEqual(seen, ['/p/a']);
    });

    contract('watches from a revision: history first, then what comes', async (store) => {
      await store.swap('/p/a', 0, '1', never);
      await store.swap('/p/a', 1, '2', never);
      await store.swap('/p/b', 0, '3', never);
      const stop = new AbortController();
      const seen: Change[] = [];
      const watching = (async () => {
        for await (const changes of store.watch('/p/', 1, stop.signal)) {
          seen.push(...changes);
          if (seen.length === 3) stop.abort();
        }
      })();
      await store.swap('/q/z', 0, 'other', never);
      await store.swap('/p/b', 3, null, never);
      await watching;
      assert.deepEqual(seen.map(({ key, value, revision }) => [key, value, revision]), [['/p/a', '2', 2], ['/p/b', '3', 3], ['/p/b', null, 5]]);
    });

    contract('forgets history on compaction, never live values', async (store) => {
      await store.swap('/a', 0, 'old', never);
      await store.swap('/a', 1, 'live', never);
      await store.swap('/b', 0, 'gone', never);
      await store.swap('/b', 3, null, never);
      await store.compact(4, never);
      await assert.rejects(store.follow('/', 3, () => {}), Compacted);
      await assert.rejects(store.list('/', { at: 3 }, never), (error) => error instanceof Compacted && error.compacted === 4);
      assert.deepEqual((await store.list('/', {}, never)).entries.map((entry) => entry.value), ['live']);
      assert.equal(await store.swap('/b', 0, 'again', never), 5);
    });

    contract('keeps its history bounded by itself', async (store) => {
      let revision = 0;
      for (let i = 0; i < 10_100; i++) revision = await store.swap('/a', revision, `${i}`, never);
      await assert.rejects(store.follow('/', 10, () => {}), Compacted);
      (await store.follow('/', revision - 5_000, () => {}))[Symbol.dispose]();
    });

    contract('refuses an aborted call', async (store) => {
      await assert.rejects(store.swap('/a', 0, '1', AbortSignal.abort()), { name: 'AbortError' });
      assert.equal(await store.get('/a', never), undefined);
    });
  });
}
