import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sights } from './sights.ts';
import { isNothing, straysOf, type Records } from './strays.ts';

const sights = (found: { tasks?: Record<string, boolean>; networks?: string[]; addresses?: Record<string, string>; joined?: Record<string, string>; folders?: Record<string, string> } = {}): Sights => ({
  tasks: new Map(Object.entries(found.tasks ?? {})),
  networks: found.networks ?? [],
  addresses: new Map(Object.entries(found.addresses ?? {})),
  joined: new Map(Object.entries(found.joined ?? {})),
  folders: new Map(Object.entries(found.folders ?? {})),
});
const records = (ids: string[], taskIds: string[] = ids, spec = '{}'): Records => ({ containers: ids.map((id) => ({ id, spec })), taskIds });
const everything = { tasks: { a: true }, networks: ['/netns/a'], addresses: { '/ipam/10.0.0.2': 'a' }, joined: { '/results/net-a-eth0': 'a' }, folders: { '/cri/sandboxes/a': 'a' } };

test('what has a record is left, and what has none goes with all it has', () => {
  const all = sights(everything);
  assert.ok(isNothing(straysOf(all, all, records(['a'], ['a'], '{"path":"/netns/a"}'), true)));
  assert.deepEqual(straysOf(all, all, records([]), false), {
    tasks: ['a'], networks: ['/netns/a'], addresses: ['/ipam/10.0.0.2'], joined: ['/results/net-a-eth0'], folders: ['/cri/sandboxes/a'], unparted: ['a'],
  });
});

test('what was not there before may be in the making, and what is there no more has gone by itself', () => {
  assert.ok(isNothing(straysOf(sights(), sights(everything), records([]), true)));
  assert.ok(isNothing(straysOf(sights(everything), sights(), records([]), true)));
});

test('an address that was given to another meanwhile is left to it', () => {
  const after = sights({ addresses: { '/ipam/10.0.0.2': 'b' } });
  assert.ok(isNothing(straysOf(sights({ addresses: { '/ipam/10.0.0.2': 'a' } }), after, records([]), true)));
});

test('a task that containerd has not loaded is stray although it has a record; one with a process only once all has settled', () => {
  const strays = (hasProcess: boolean, settled: boolean) => straysOf(sights({ tasks: { a: hasProcess } }), sights({ tasks: { a: hasProcess } }), records(['a'], []), settled).tasks;
  assert.deepEqual([strays(false, false), strays(true, false), strays(true, true)], [['a'], [], ['a']]);
});

test('an address file that names nobody goes, and nobody is taken out of the network for it', () => {
  const empty = sights({ addresses: { '/ipam/10.0.0.2': '' } });
  const { addresses, unparted } = straysOf(empty, empty, records([]), true);
  assert.deepEqual([addresses, unparted], [['/ipam/10.0.0.2'], []]);
});
