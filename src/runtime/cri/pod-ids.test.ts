import assert from 'node:assert/strict';
import { it } from 'node:test';
import { KnownIds } from './pod-ids.ts';

/** Follows events, and a list of everything has named nothing. */
function followed(): KnownIds {
  const ids = new KnownIds();
  ids.follow();
  ids.areAll(ids.age);
  return ids;
}

const shown = (ids: KnownIds, uid: string) => {
  const all = ids.allOf(uid);
  return all && [[...all.sandboxes], [...all.containers]];
};

it('without events nothing is known to be all', () => {
  const ids = new KnownIds();
  ids.learnSandbox('p', 's');
  ids.isWhole('p', ids.age);
  ids.areAll(ids.age);
  assert.equal(ids.allOf('p'), undefined);
  assert.equal(ids.allOf('never seen'), undefined);
});

it('with events and one list, a Pod has what our calls made and did not remove', async () => {
  const ids = followed();
  assert.deepEqual(shown(ids, 'p'), [[], []], 'a Pod that has never been here has nothing');
  await ids.whileMaking(async () => {
    ids.started('s'); // told before the call is answered
    ids.learnSandbox('p', 's');
  });
  ids.learnContainer('p', 'c', 's');
  ids.started('c');
  assert.deepEqual(shown(ids, 'p'), [['s'], [['c', 's']]]);
  assert.deepEqual(ids.forget('s'), ['c'], 'a sandbox takes its containers with it');
  assert.deepEqual(shown(ids, 'p'), [[], []]);
});

it('a break in the events, and their new beginning, make all of it unknown; so does a list from before', () => {
  const ids = new KnownIds();
  const first = ids.follow();
  const { age } = ids;
  ids.isWhole('p', age);
  assert.deepEqual(shown(ids, 'p'), [[], []]);
  first[Symbol.dispose]();
  assert.equal(ids.age, 0);
  ids.isWhole('p', ids.age);
  assert.equal(ids.allOf('p'), undefined);
  ids.follow();
  assert.equal(ids.allOf('p'), undefined);
  ids.isWhole('p', age);
  assert.equal(ids.allOf('p'), undefined, 'that list was asked for when events could be missed');
  ids.isWhole('p', ids.age);
  assert.deepEqual(shown(ids, 'p'), [[], []]);
});

it('what failed to be made may be there, for ever', () => {
  const ids = followed();
  ids.doubt('p');
  assert.equal(ids.allOf('p'), undefined);
  ids.isWhole('p', ids.age);
  assert.equal(ids.allOf('p'), undefined);
  assert.deepEqual(shown(ids, 'other'), [[], []]);
});

it('what starts without us makes all of it unknown, once no sandbox of ours is being made', async () => {
  const ids = followed();
  const { age } = ids;
  await ids.whileMaking(async () => {
    ids.started('stranger');
    ids.started('s');
    ids.learnSandbox('p', 's');
    assert.equal(ids.age, age);
  });
  assert.equal(ids.allOf('p'), undefined);
  assert.notEqual(ids.age, age);
});

it('a Pod that is forgotten for want of room is not taken for one that has nothing', () => {
  const ids = followed();
  for (let n = 0; n <= 8192; n++) ids.learnSandbox(`p${n}`, `s${n}`);
  assert.equal(ids.allOf('p0'), undefined);
  assert.deepEqual(shown(ids, 'p8192'), [['s8192'], []]);
});
