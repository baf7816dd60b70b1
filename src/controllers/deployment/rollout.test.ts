import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import { fencesOf } from './fences.ts';
import { nextSizes } from './rollout.ts';
import { renewed, sizeOf, sortSets } from './sets.ts';

const template = (image: string) => ({ metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } });

function deployment(replicas: number, rollingUpdate: { maxSurge: number | string; maxUnavailable: number | string }, more: object = {}): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'd', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', generation: 1 },
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: template('new'), strategy: { type: 'RollingUpdate', rollingUpdate: rollingUpdate as never }, ...more },
    status: {},
  };
}

function set(name: string, replicas: number, available: number, notes: { desired?: number; max?: number; revision?: number } = {}): ReplicaSet {
  const { desired = 10, max = 13, revision = 1 } = notes;
  return {
    metadata: {
      name, uid: name, resourceVersion: '1', creationTimestamp: `2026-01-01T00:00:0${revision}Z`,
      annotations: { 'deployment.kubernetes.io/desired-replicas': String(desired), 'deployment.kubernetes.io/max-replicas': String(max), 'deployment.kubernetes.io/revision': String(revision) },
    },
    spec: { replicas, selector: {}, template: template(name === 'fresh' ? 'new' : 'old') },
    status: { replicas, availableReplicas: available },
  };
}

const sizes = (of: Deployment, fresh: ReplicaSet, ...old: ReplicaSet[]) => {
  const next = nextSizes(of, { fresh, old }, false);
  return [sizeOf(next.fresh!), ...next.old.map(sizeOf)];
};

test('shares: surge is rounded up, unavailability down, and both are never 0', () => {
  assert.deepEqual(fencesOf(deployment(10, { maxSurge: '25%', maxUnavailable: '25%' })), { maxSurge: 3, maxUnavailable: 2 });
  assert.deepEqual(fencesOf(deployment(1, { maxSurge: 0, maxUnavailable: '25%' })), { maxSurge: 0, maxUnavailable: 1 });
});

test('the way of a rolling update, step by step', () => {
  const ten = deployment(10, { maxSurge: 3, maxUnavailable: 2 });
  assert.deepEqual(sizes(ten, set('fresh', 0, 0), set('old', 10, 10)), [3, 10]);
  assert.deepEqual(sizes(ten, set('fresh', 3, 0), set('old', 10, 10)), [3, 8]);
  assert.deepEqual(sizes(ten, set('fresh', 3, 0), set('old', 8, 8)), [5, 8]);
  assert.deepEqual(sizes(ten, set('fresh', 5, 0), set('old', 8, 8)), [5, 8]);
  assert.deepEqual(sizes(ten, set('fresh', 5, 5), set('old', 8, 8)), [5, 3]);
  assert.deepEqual(sizes(ten, set('fresh', 10, 10), set('old', 3, 3)), [10, 0]);
});

test('old Pods that do not work go first, whatever stands in the way of the others', () => {
  const ten = deployment(10, { maxSurge: 3, maxUnavailable: 2 });
  assert.deepEqual(sizes(ten, set('fresh', 3, 0), set('sick', 4, 0, { revision: 1 }), set('well', 6, 6, { revision: 2 })), [3, 2, 6]);
});

test('scaled in the middle of a rollout, each set gets its share', () => {
  const fifteen = deployment(15, { maxSurge: 3, maxUnavailable: 2 });
  assert.deepEqual(sizes(fifteen, set('fresh', 5, 0), set('old', 8, 8)), [7, 11]);
  const five = deployment(5, { maxSurge: 3, maxUnavailable: 2 });
  assert.deepEqual(sizes(five, set('fresh', 5, 0), set('old', 8, 8)), [3, 5]);
});

test('scaled while at rest, only the set in use changes', () => {
  assert.deepEqual(sizes(deployment(4, { maxSurge: 1, maxUnavailable: 0 }), set('fresh', 10, 10), set('old', 0, 0)), [4, 0]);
});

test('Recreate waits for the last old Pod', () => {
  const of = deployment(3, { maxSurge: 0, maxUnavailable: 0 }, { strategy: { type: 'Recreate' } });
  const old = set('old', 3, 3, { desired: 3, max: 3 });
  const fresh = set('fresh', 0, 0, { desired: 3, max: 3 });
  assert.deepEqual(nextSizes(of, { fresh, old: [old] }, true).old.map(sizeOf), [0]);
  assert.equal(sizeOf(nextSizes(of, { fresh, old: [set('old', 0, 0)] }, true).fresh!), 0);
  assert.equal(sizeOf(nextSizes(of, { fresh, old: [set('old', 0, 0)] }, false).fresh!), 3);
});

test('going back makes an old set the newest revision, and remembers what it was', () => {
  const of = deployment(10, { maxSurge: 3, maxUnavailable: 2 });
  const sets = sortSets(of, [set('fresh', 0, 0, { revision: 1 }), set('old', 10, 10, { revision: 2 })]);
  const annotations = renewed(of, sets)!.metadata.annotations!;
  assert.equal(annotations['deployment.kubernetes.io/revision'], '3');
  assert.equal(annotations['deployment.kubernetes.io/revision-history'], '1');
});
