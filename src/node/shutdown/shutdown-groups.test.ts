import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pod } from '../testing/pods.ts';
import { criticalPriority, shutdownGraceSeconds, shutdownGroups, shutdownRanges } from './shutdown-groups.ts';

const member = (name: string, priority?: number, grace?: number) => ({ name, pod: pod({ ...(priority === undefined ? {} : { priority }), ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }) }) });

test('ordinary ones first, with what the critical ones leave; groups without a Pod are left out', () => {
  const [plain, high, critical, node] = [member('plain'), member('high', 1_000_000_000), member('critical', criticalPriority), member('node', criticalPriority + 1000)];
  const shape = (members: ReturnType<typeof member>[], totalSeconds: number, criticalSeconds: number) => shutdownGroups(members, shutdownRanges({ totalSeconds, criticalSeconds })).map((group) => [group.seconds, group.members.map(({ name }) => name)]);
  assert.deepEqual(shape([critical, plain, node, high], 30, 10), [[20, ['plain', 'high']], [10, ['critical', 'node']]]);
  assert.deepEqual(shape([critical], 30, 10), [[10, ['critical']]]);
  assert.deepEqual(shape([plain, critical], 30, 0), [[30, ['plain']], [0, ['critical']]]);
  assert.deepEqual(shape([], 30, 10), []);
});

test('ranges of priorities end from the lowest up; what is below the lowest is of it, whatever order they are given in', () => {
  const ranges = shutdownRanges({ totalSeconds: 0, criticalSeconds: 0, byPriority: [{ priority: 10_000, seconds: 60 }, { priority: 0, seconds: 10 }, { priority: criticalPriority, seconds: 0 }, { priority: 500, seconds: 30 }] });
  const members = [member('critical', criticalPriority + 1000), member('none'), member('below', -5), member('edge', 500), member('just-below', 499), member('high', 1_000_000)];
  assert.deepEqual(shutdownGroups(members, ranges).map((group) => [group.seconds, group.members.map(({ name }) => name)]), [[10, ['none', 'below', 'just-below']], [30, ['edge']], [60, ['high']], [0, ['critical']]]);
  assert.deepEqual(shutdownRanges({ totalSeconds: 0, criticalSeconds: 0 }), []);
  assert.deepEqual(shutdownRanges({ totalSeconds: 0, criticalSeconds: 0, byPriority: [{ priority: 0, seconds: 0 }] }), []);
});

test('a Pod has its own grace where there is time for it', () => {
  assert.deepEqual([5, 20, 600].map((grace) => shutdownGraceSeconds(member('a', 0, grace).pod, 20)), [5, 20, 20]);
});
