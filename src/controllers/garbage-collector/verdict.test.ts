import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pods } from '../../api/kinds/pod.ts';
import type { KubeObject, OwnerReference } from '../../api/types.ts';
import { OwnerGraph } from './graph.ts';
import { verdictOn, type OwnerState } from './verdict.ts';

const owner = (uid: string, blockOwnerDeletion = false): OwnerReference => ({ apiVersion: 'v1', kind: 'Pod', name: uid, uid, blockOwnerDeletion });
const object = (uid: string, more: Partial<KubeObject['metadata']> = {}): KubeObject => ({ metadata: { name: uid, uid, resourceVersion: '1', creationTimestamp: '', ...more } });
const dying = { deletionTimestamp: '2026-01-01T00:00:00Z' };

const verdict = (of: KubeObject, states: readonly OwnerState[], dependents: readonly KubeObject[] = []) =>
  verdictOn(of, states.map((state, index) => ({ reference: owner(`o${index}`), state })), dependents.map((dependent) => ({ resource: pods, object: dependent })));

test('it goes when its last owner is gone, and forgets those that are gone before', () => {
  assert.deepEqual(verdict(object('a'), ['there']), { type: 'keep' });
  assert.deepEqual(verdict(object('a'), []), { type: 'keep' });
  assert.deepEqual(verdict(object('a'), ['gone', 'gone']), { type: 'delete', policy: 'Background' });
  assert.deepEqual(verdict(object('a'), ['there', 'gone']), { type: 'forget-owners', uids: new Set(['o1']) });
});

test('in the foreground what is owned goes first, and only what asks for it holds its owner', () => {
  const waiting = object('a', { ...dying, finalizers: ['foregroundDeletion'] });
  assert.deepEqual(verdict(waiting, [], [object('b', { ownerReferences: [owner('a', true)] })]), { type: 'delete-dependents', isFree: false });
  assert.deepEqual(verdict(waiting, [], [object('b', { ownerReferences: [owner('a')] })]), { type: 'delete-dependents', isFree: true });
  assert.deepEqual(verdict(object('b'), ['waiting'], [object('c', { ownerReferences: [owner('b', true)] })]), { type: 'delete', policy: 'Foreground' });
  assert.deepEqual(verdict(object('b'), ['waiting']), { type: 'delete', policy: 'Background' });
});

test('orphans are set free', () => {
  assert.deepEqual(verdict(object('a', { ...dying, finalizers: ['orphan'] }), []), { type: 'orphan-dependents' });
});

test('the graph follows changes of owners', () => {
  const graph = new OwnerGraph();
  const first = object('b', { ownerReferences: [owner('a')] });
  graph.put(pods, undefined, first);
  assert.deepEqual(graph.dependentsOf('a').map((node) => node.object), [first]);
  const second = object('b', { ownerReferences: [owner('c')] });
  graph.put(pods, first, second);
  assert.deepEqual([graph.dependentsOf('a').length, graph.dependentsOf('c').length], [0, 1]);
  graph.remove(second);
  assert.equal(graph.dependentsOf('c').length, 0);
});
