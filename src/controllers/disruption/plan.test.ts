import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodDisruptionBudget } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import { countBudget, evictionPatienceMs } from './plan.ts';

const nowMs = 1_767_225_600_000;

function pod(name: string, isReady = true, more: object = {}): Pod {
  return { metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '', ...more }, spec: {}, status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] } } as Pod;
}

function budget(spec: object, status: object = {}): PodDisruptionBudget {
  return { metadata: { name: 'b', generation: 3 }, spec, status } as PodDisruptionBudget;
}

const ready = (count: number) => Array.from({ length: count }, (_, index) => pod(`p${index}`));

// spec, Pods, sum of what their controllers want → expected, desired, healthy, allowed
const cases: readonly (readonly [object, readonly Pod[], number, readonly number[]])[] = [
  [{ minAvailable: 2 }, ready(3), 0, [3, 2, 3, 1]],
  [{ minAvailable: 5 }, ready(3), 0, [3, 5, 3, 0]],
  [{ minAvailable: '50%' }, ready(3), 3, [3, 2, 3, 1]],
  [{ minAvailable: '50%' }, ready(5), 7, [7, 4, 5, 1]],
  [{ minAvailable: '100%' }, ready(3), 3, [3, 3, 3, 0]],
  [{ maxUnavailable: 1 }, ready(3), 3, [3, 2, 3, 1]],
  [{ maxUnavailable: 5 }, ready(3), 3, [3, 0, 3, 3]],
  [{ maxUnavailable: '1%' }, ready(3), 3, [3, 2, 3, 1]],
  [{ maxUnavailable: 0 }, ready(3), 3, [3, 3, 3, 0]],
  [{ maxUnavailable: 1 }, [...ready(2), pod('sick', false)], 3, [3, 2, 2, 0]],
  [{ minAvailable: 1 }, [pod('a'), pod('going', true, { deletionTimestamp: 'now' })], 0, [2, 1, 1, 0]],
  [{ minAvailable: 0 }, [], 0, [0, 0, 0, 0]],
  [{}, ready(2), 0, [0, 0, 2, 0]],
];

for (const [spec, pods, scale, wanted] of cases) {
  test(`${JSON.stringify(spec)} of ${pods.length} Pods, ${scale} wanted`, () => {
    const { status } = countBudget(budget(spec), pods, scale, nowMs);
    assert.deepEqual([status.expectedPods, status.desiredHealthy, status.currentHealthy, status.disruptionsAllowed], wanted);
    const allowed = status.conditions?.find(({ type }) => type === 'DisruptionAllowed');
    assert.deepEqual([allowed?.status, allowed?.reason, allowed?.observedGeneration], wanted[3]! > 0 ? ['True', 'SufficientPods', 3] : ['False', 'InsufficientPods', 3]);
  });
}

test('a Pod that was let go no longer counts, until it has stayed for too long', () => {
  const since = formatTime(nowMs - 1_000);
  const granted = countBudget(budget({ minAvailable: 1 }, { disruptedPods: { p0: since, gone: since } }), ready(2), 0, nowMs);
  assert.deepEqual([granted.status.currentHealthy, granted.status.disruptionsAllowed, granted.status.disruptedPods], [1, 0, { p0: since }]);
  assert.equal(granted.lookAgainAfterMs, evictionPatienceMs - 1_000 + 1);
  const late = countBudget(budget({ minAvailable: 1 }, { disruptedPods: { p0: formatTime(nowMs - evictionPatienceMs - 1_000) } }), ready(2), 0, nowMs);
  assert.deepEqual([late.status.currentHealthy, late.status.disruptedPods, late.stuck.map(({ metadata }) => metadata.name)], [2, undefined, ['p0']]);
});
