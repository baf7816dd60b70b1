// What only a store on disk must do: outlive its process, refuse a second one, stay bounded.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { Locked } from '../store.ts';
import { openSqliteStore } from './sqlite-store.ts';

const never = new AbortController().signal;

describe('sqlite store on disk', () => {
  let directory: string;
  const file = (name: string) => join(directory, name);
  before(() => void (directory = mkdtempSync(join(tmpdir(), 'peapod-sqlite-'))));
  after(() => rmSync(directory, { recursive: true }));

  test('finds everything again, and goes on counting', async () => {
    const first = openSqliteStore(file('again.db'));
    await first.swap('/a', 0, '1', never);
    await first.swap('/b', 0, '2', never);
    await first.swap('/b', 2, null, never);
    await first.compact(3, never);
    await first.close();
    const second = openSqliteStore(file('again.db'));
    assert.deepEqual((await second.list('/', {}, never)).entries.map((entry) => [entry.key, entry.revision]), [['/a', 1]]);
    assert.equal(await second.swap('/c', 0, '3', never), 4);
    await second.close();
  });

  test('reads what a Peapod before wrote as bytes', async () => {
    const database = new DatabaseSync(file('bytes.db'));
    database.exec(`CREATE TABLE log (revision INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB); PRAGMA user_version = 1`);
    database.prepare('INSERT INTO log VALUES (?, ?, ?)').run(1, '/a', Buffer.from('"ü"'));
    database.close();
    const store = openSqliteStore(file('bytes.db'));
    assert.equal(await store.swap('/b', 0, '"é"', never), 2);
    assert.deepEqual((await store.list('/', {}, never)).entries.map(({ value }) => value), ['"ü"', '"é"']);
    await store.close();
  });

  test('refuses a second process with a clear error', async () => {
    const child = writer(file('locked.db'));
    await child.line();
    assert.throws(() => openSqliteStore(file('locked.db')), (error) => error instanceof Locked && /locked\.db is in use by another process/.test(error.message));
    await child.kill();
  });

  test('loses nothing acknowledged when its process is killed', async () => {
    const child = writer(file('killed.db'));
    let acknowledged = 0;
    while (acknowledged < 500) acknowledged = Number(await child.line());
    await child.kill();
    const store = openSqliteStore(file('killed.db'));
    const { entries, revision } = await store.list('/', {}, never);
    assert.ok(revision >= acknowledged, `${revision} < ${acknowledged}`);
    assert.equal(entries.length, revision);
    await store.close();
  });

  test('the file stays bounded while values are replaced', async () => {
    const store = openSqliteStore(file('bounded.db'));
    const value = 'x'.repeat(1024);
    const revisions: number[] = Array.from({ length: 100 }, () => 0);
    for (let round = 0; round < 500; round++) {
      await Promise.all(revisions.map(async (revision, i) => (revisions[i] = await store.swap(`/k${i}`, revision, value, never))));
    }
    await store.close();
    assert.ok(statSync(file('bounded.db')).size < 25_000_000, `${statSync(file('bounded.db')).size} bytes`);
  });
});

/** A process that writes keys one after the other and prints each revision once it is acknowledged. */
function writer(path: string) {
  const script = `
    const { openSqliteStore } = await import(${JSON.stringify(new URL('./sqlite-store.ts', import.meta.url).href)});
    const store = openSqliteStore(${JSON.stringify(path)});
    for (let i = 0; ; i++) console.log(await store.swap('/key' + i, 0, 'x'.repeat(2048), new AbortController().signal));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    line: async () => (await lines.next()).value as string,
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
