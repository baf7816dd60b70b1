import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/types.ts';
import { podsToCollect } from './collect.ts';

const pod = (name: string, { phase = 'Running', node = 'here', ends = false, reason, day = 1 }: { phase?: string; node?: string; ends?: boolean; reason?: string; day?: number } = {}): Pod => ({
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: `2026-01-0${day}T00:00:00Z`, ...(ends ? { deletionTimestamp: '2026-01-09T00:00:00Z' } : {}) },
  spec: node ? { nodeName: node } : {},
  status: { phase, ...(reason ? { reason } : {}) },
}) as Pod;
const sight = { isGone: (name: string) => name === 'gone', isOutOfService: (name: string) => name === 'broken' };
const collected = (pods: readonly Pod[], most: number) => podsToCollect(pods, sight, most).map(({ pod: { metadata }, why }) => `${metadata.name} ${why}`);

test('Pods of nodes that are gone or out of service, and those that end without a node', () => {
  const pods = [
    pod('runs'), pod('ends', { ends: true }), pod('orphan', { node: 'gone' }), pod('finished-orphan', { node: 'gone', phase: 'Succeeded' }),
    pod('stays', { node: 'broken' }), pod('stuck', { node: 'broken', ends: true }), pod('waits', { node: '' }), pod('nowhere', { node: '', ends: true }),
  ];
  assert.deepEqual(collected(pods, 10), ['orphan orphaned', 'finished-orphan orphaned', 'stuck outOfService', 'nowhere unscheduled']);
});

test('of finished ones the evicted first, then the oldest, until as many are left as may be', () => {
  const pods = [
    pod('b', { phase: 'Failed', day: 2 }), pod('a', { phase: 'Succeeded', day: 2 }), pod('new', { phase: 'Succeeded', day: 5 }), pod('old', { phase: 'Failed', day: 1 }),
    pod('evicted', { phase: 'Failed', reason: 'Evicted', day: 4 }), pod('runs'),
  ];
  assert.deepEqual(collected(pods, 2), ['evicted finished', 'old finished', 'a finished']);
  assert.deepEqual(collected(pods, 5), []);
  assert.deepEqual(collected(pods, 0), [], 'none are too many');
});
