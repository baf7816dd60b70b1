import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, StatefulSet } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import { availableAfterMs, planStatefulSet } from './plan.ts';

const nowMs = 1_767_225_600_000;

function set(spec: object): StatefulSet {
  return { metadata: { name: 'db', uid: 'set', resourceVersion: '1', creationTimestamp: '' }, spec: { podManagementPolicy: 'OrderedReady', updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } }, ...spec }, status: { replicas: 0 } } as never;
}

function pod(ordinal: number, { readyForMs = 60_000, revision = 'new', ending = false, phase = 'Running' } = {}): Pod {
  const name = `db-${ordinal}`;
  const labels = { 'statefulset.kubernetes.io/pod-name': name, 'apps.kubernetes.io/pod-index': String(ordinal), 'controller-revision-hash': revision };
  const condition = { type: 'Ready', status: readyForMs >= 0 ? 'True' : 'False', lastTransitionTime: formatTime(nowMs - Math.max(0, readyForMs)) };
  return { metadata: { name, uid: name, labels, ...(ending ? { deletionTimestamp: formatTime(nowMs) } : {}) }, spec: { containers: [] }, status: { phase, conditions: [condition] } } as never;
}

const steps = (spec: object, pods: readonly Pod[]) =>
  planStatefulSet(set(spec), pods, { current: 'old', update: 'new' }, nowMs).map((step) => (step.type === 'create' ? `create ${step.ordinal} ${step.revision}` : 'pod' in step ? `${step.type} ${step.pod.metadata.name}` : `${step.type} ${step.ordinal}`));

test('one after the other', () => {
  assert.deepEqual(steps({ replicas: 2 }, []), ['create 0 update']);
  assert.deepEqual(steps({ replicas: 2 }, [pod(0, { readyForMs: -1 })]), []);
  assert.deepEqual(steps({ replicas: 2 }, [pod(0)]), ['create 1 update']);
  assert.deepEqual(steps({ replicas: 2, podManagementPolicy: 'Parallel' }, []), ['create 0 update', 'create 1 update']);
  assert.deepEqual(steps({ replicas: 1, ordinals: { start: 3 } }, [pod(0)]), ['create 3 update']);
});

test('ready is not available before minReadySeconds', () => {
  const pods = [pod(0, { readyForMs: 4_000 })];
  assert.deepEqual(steps({ replicas: 2, minReadySeconds: 10 }, pods), []);
  assert.equal(availableAfterMs(set({ minReadySeconds: 10 }), pods, nowMs), 6_000);
  assert.deepEqual(steps({ replicas: 2, minReadySeconds: 4 }, pods), ['create 1 update']);
});

test('too many: from the top, when those that stay are well; the first that is not may go', () => {
  assert.deepEqual(steps({ replicas: 1 }, [pod(0), pod(1), pod(2)]), ['delete db-2']);
  assert.deepEqual(steps({ replicas: 1 }, [pod(0), pod(1), pod(2, { ending: true })]), []);
  assert.deepEqual(steps({ replicas: 1 }, [pod(0, { readyForMs: -1 }), pod(1)]), []);
  assert.deepEqual(steps({ replicas: 1 }, [pod(0), pod(1), pod(2, { readyForMs: -1 })]), ['delete db-2']);
  assert.deepEqual(steps({ replicas: 1 }, [pod(0), pod(1, { readyForMs: -1 }), pod(2, { readyForMs: -1 })]), []);
  assert.deepEqual(steps({ replicas: 1, podManagementPolicy: 'Parallel' }, [pod(0, { readyForMs: -1 }), pod(1), pod(2)]), ['delete db-2', 'delete db-1']);
});

test('updates: one, or maxUnavailable, from the top down to the partition', () => {
  const old = [0, 1, 2, 3].map((ordinal) => pod(ordinal, { revision: 'old' }));
  const rolling = (rollingUpdate: object) => ({ replicas: 4, updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
  assert.deepEqual(steps(rolling({}), old), ['delete db-3']);
  assert.deepEqual(steps(rolling({ maxUnavailable: '30%' }), old), ['delete db-3', 'delete db-2']);
  assert.deepEqual(steps(rolling({ partition: 4 }), old), []);
  assert.deepEqual(steps(rolling({ partition: 4 }), old.slice(0, 3)), ['create 3 current']);
  assert.deepEqual(steps(rolling({ partition: 1 }), [old[0]!, ...[1, 2, 3].map((ordinal) => pod(ordinal))]), []);
  assert.deepEqual(steps({ replicas: 4, updateStrategy: { type: 'OnDelete' } }, old), []);
});

test('what ended goes, and is made again when it is gone', () => {
  assert.deepEqual(steps({ replicas: 1 }, [pod(0, { phase: 'Succeeded' })]), ['delete db-0']);
  assert.deepEqual(steps({ replicas: 1 }, [pod(0, { phase: 'Failed', ending: true })]), []);
});
