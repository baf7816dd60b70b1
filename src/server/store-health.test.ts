import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../base/virtual-clock.ts';
import { createMemoryStore } from '../store/memory/memory-store.ts';
import { Conflict, type Store } from '../store/store.ts';
import { StoreHealth } from './store-health.ts';

test('a store is well until a write fails or it does not answer, and again once it takes a write', async () => {
  const clock = new VirtualClock();
  const memory = createMemoryStore();
  let isFull = false;
  let isSilent = false;
  const store = {
    get: (key: string, signal: AbortSignal) => (isSilent ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))) : memory.get(key, signal)),
    swap: (...args: Parameters<Store['swap']>) => (isFull ? Promise.reject(new Error('database or disk is full')) : memory.swap(...args)),
  } as Store;
  const health = new StoreHealth(store, clock);
  assert.equal(await health.check(), undefined);
  health.failed(Object.assign(Object.create(Conflict.prototype) as Conflict, { message: 'another was faster' }));
  assert.equal(await health.check(), undefined);
  isFull = true;
  health.failed(new Error('database or disk is full'));
  assert.equal(await health.check(), 'database or disk is full');
  isFull = false;
  assert.equal(await health.check(), undefined);
  isSilent = true;
  const waiting = health.check();
  await clock.advance(2000);
  assert.equal(await waiting, 'the store does not answer');
  await memory.close();
});
