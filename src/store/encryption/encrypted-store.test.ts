import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createMemoryStore } from '../memory/memory-store.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import type { Change } from '../store.ts';
import { aesCbc, aesGcm, secretBox } from './ciphers.ts';
import { EncryptedStore } from './encrypted-store.ts';
import { firstOf, identity, Unreadable, type Transformer } from './transformer.ts';

const never = new AbortController().signal;
const key = (name: string, byte: number, length = 32) => ({ name, secret: Buffer.alloc(length, byte) });
const fail = (error: unknown) => assert.fail(String(error));
const secretsBy = (...transformers: Transformer[]) => {
  const chosen = firstOf(transformers);
  return (path: string) => (path.startsWith('/registry/core/secrets/') ? chosen : undefined);
};
const path = '/registry/core/secrets/default/db';
const clear = '{"kind":"Secret","data":{"password":"aHVudGVyMg=="},"ü":"é"}';

test('each cipher gives back what it was given, and nothing to another key', async () => {
  const ciphers = [
    ...[16, 24, 32].flatMap((length) => [[aesGcm(key('k', 1, length)), aesGcm(key('k', 2, length))], [aesCbc(key('k', 1, length)), aesCbc(key('k', 2, length))]]),
    [await secretBox(key('k', 1)), await secretBox(key('k', 2))],
  ];
  for (const [mine, other] of ciphers) {
    const stored = mine!.write(clear, path);
    assert.ok(stored.startsWith(mine!.prefix) && !stored.includes('password'));
    assert.equal(mine!.read(stored, path), clear);
    assert.notEqual(mine!.write(clear, path), stored, 'a nonce of its own');
    assert.throws(() => other!.read(stored, path));
  }
  const bound = aesGcm(key('k', 1));
  assert.throws(() => bound.read(bound.write(clear, path), `${path}2`), /message authentication failed/, 'it cannot be moved to another object');
});

test('aesgcm is laid out as in etcd: nonce, text, tag, with the key of the store bound in', () => {
  const stored = aesGcm(key('key1', 7)).write(clear, path);
  assert.match(stored, /^k8s:enc:aesgcm:v1:key1:/);
  const bytes = Buffer.from(stored.slice('k8s:enc:aesgcm:v1:key1:'.length), 'base64');
  const opening = createDecipheriv('aes-256-gcm', Buffer.alloc(32, 7), bytes.subarray(0, 12)).setAAD(Buffer.from(path)).setAuthTag(bytes.subarray(-16));
  assert.equal(opening.update(bytes.subarray(12, -16)).toString() + opening.final().toString(), clear);
});

test('the store behind holds what is encrypted; reads, lists, watches and followers get what was written', async () => {
  const behind = createMemoryStore();
  const store = new EncryptedStore(behind, secretsBy(aesGcm(key('key1', 1))), fail);
  const told: Change[] = [];
  using _ = await store.follow('/', 0, (changes) => told.push(...changes));
  const revision = await store.swap(path, 0, clear, never);
  await store.swap('/registry/core/configmaps/default/c', 0, '{}', never);
  assert.match((await behind.get(path, never))!.value, /^k8s:enc:aesgcm:v1:key1:/);
  assert.equal((await behind.get('/registry/core/configmaps/default/c', never))!.value, '{}');
  assert.equal((await store.get(path, never))!.value, clear);
  assert.deepEqual((await store.list('/registry/', {}, never)).entries.map(({ value }) => value), ['{}', clear]);
  assert.deepEqual(told.map(({ value }) => value), [clear, '{}']);
  for await (const [change] of store.watch('/', 0, never)) {
    assert.equal(change!.value, clear);
    break;
  }
  await store.swap(path, revision, null, never);
  assert.equal(told.at(-1)!.value, null);
});

test('rotation: old keys read, the first writes, and what it replaces is stale', async () => {
  const behind = createMemoryStore();
  const [old, fresh] = [aesGcm(key('old', 1)), aesGcm(key('new', 2))];
  await behind.swap(path, 0, clear, never);
  const store = new EncryptedStore(behind, secretsBy(old, identity), fail);
  assert.equal((await store.list('/', {}, never)).entries[0]!.value, clear);
  assert.equal(store.isStale(path), true);
  assert.equal(store.isStale('/registry/core/configmaps/default/c'), false);
  const second = await store.swap(path, 1, clear, never);
  assert.equal(store.isStale(path), false);
  store.choose(secretsBy(fresh, old));
  assert.equal(store.isStale(path), true);
  assert.equal((await store.get(path, never))!.value, clear);
  await store.swap(path, second, clear, never);
  assert.match((await behind.get(path, never))!.value, /^k8s:enc:aesgcm:v1:new:/);
  assert.equal(store.isStale(path), false);

  const lost = new EncryptedStore(behind, secretsBy(old, identity), fail);
  await assert.rejects(lost.list('/', {}, never), (error) => error instanceof Unreadable && error.writtenBy === 'k8s:enc:aesgcm:v1:new:' && error.message === `unable to transform key "${path}": identity transformer tried to read encrypted data`);
  const another = new EncryptedStore(behind, secretsBy(aesGcm(key('new', 9))), fail);
  await assert.rejects(another.list('/', {}, never), /message authentication failed/);
  await assert.rejects(new EncryptedStore(behind, secretsBy(old), fail).list('/', {}, never), /no matching prefix found/);
  assert.match((await behind.get(path, never))!.value, /^k8s:enc:aesgcm:v1:new:/, 'nothing is lost');
});

test('once rewritten, nothing of what was in the clear is left in the files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-encrypted-'));
  try {
    const file = join(directory, 'store.db');
    const isOnDisk = (text: string) => readdirSync(directory).some((name) => readFileSync(join(directory, name)).includes(text));
    const before = openSqliteStore(file);
    let revision = 0;
    for (let round = 0; round < 30; round++) revision = await before.swap(path, revision, JSON.stringify({ password: 'hunter2', filler: 'x'.repeat(3000) }), never);
    const gone = await before.swap(`${path}-gone`, 0, '{"password":"hunter3"}', never);
    await before.swap(`${path}-gone`, gone, null, never);
    await before.compact(20, never);
    await before.close();
    assert.ok(isOnDisk('hunter2'));

    const store = new EncryptedStore(openSqliteStore(file, { scrubs: true }), secretsBy(aesGcm(key('key1', 1)), identity), fail);
    const { value } = (await store.list('/', {}, never)).entries[0]!;
    await store.swap(path, revision, value, never);
    await store.close();
    assert.ok(!isOnDisk('hunter2') && !isOnDisk('hunter3'));
    const again = new EncryptedStore(openSqliteStore(file, { scrubs: true }), secretsBy(aesGcm(key('key1', 1))), fail);
    assert.match((await again.get(path, never))!.value, /hunter2/);
    await again.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
