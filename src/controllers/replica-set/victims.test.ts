import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/types.ts';
import { parseTime } from '../../base/clock.ts';
import { chooseVictims } from './victims.ts';

const nowMs = parseTime('2026-01-02T00:00:00Z');

function pod(name: string, more: { nodeName?: string; phase?: string; readySince?: string; cost?: string; restarts?: number; created?: string } = {}): Pod {
  const { nodeName = 'a', phase = 'Running', readySince = '2026-01-01T12:00:00Z', cost, restarts = 0, created = '2026-01-01T00:00:00Z' } = more;
  return {
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: created, annotations: cost ? { 'controller.kubernetes.io/pod-deletion-cost': cost } : undefined },
    spec: { nodeName, containers: [] },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: readySince ? 'True' : 'False', lastTransitionTime: readySince }],
      containerStatuses: [{ name: 'main', image: '', imageID: '', ready: true, restartCount: restarts }],
    },
  };
}

const order = (...pods: Pod[]) => {
  const names: string[] = [];
  for (let left = pods; left.length > 0; ) {
    const [victim] = chooseVictims(left, left, 1, nowMs);
    names.push(victim!.metadata.name);
    left = left.filter((other) => other !== victim);
  }
  return names;
};

test('those that matter least go first', () => {
  assert.deepEqual(
    order(pod('steady'), pod('restarted', { restarts: 3 }), pod('young', { readySince: '2026-01-01T23:59:00Z' }), pod('costly', { cost: '10' }), pod('cheap', { cost: '-1' }), pod('unready', { readySince: '' }), pod('pending', { phase: 'Pending', readySince: '' }), pod('unbound', { nodeName: '', phase: 'Pending', readySince: '' })),
    ['unbound', 'pending', 'unready', 'cheap', 'young', 'restarted', 'steady', 'costly'],
  );
});

test('of two on one node and one alone, one of the two goes', () => {
  assert.notEqual(order(pod('alone', { nodeName: 'b' }), pod('one'), pod('two'))[0], 'alone');
});

test('an annotation that is no whole number costs nothing', () => {
  assert.deepEqual(order(pod('b', { cost: '+5x' }), pod('c', { cost: '5' }))[0], 'b');
});
