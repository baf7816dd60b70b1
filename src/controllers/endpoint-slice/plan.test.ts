import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice } from '../../api/types.ts';
import { planSlices, type Content, type Endpoint } from './plan.ts';

const ports = [{ port: 80, protocol: 'TCP' }];
const endpoint = (uid: string, ready = true): Endpoint => ({ addresses: ['10.0.0.1'], conditions: { ready }, targetRef: { kind: 'Pod', uid } });
const many = (count: number, from = 0) => Array.from({ length: count }, (_, index) => endpoint(`pod-${from + index}`));
const content = (endpoints: readonly Endpoint[]): Content => ({ addressType: 'IPv4', ports, endpoints });
const slice = (name: string, endpoints: readonly Endpoint[]): EndpointSlice => ({
  metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' }, addressType: 'IPv4', ports: [{ name: '', port: 80, protocol: 'TCP' }], endpoints: [...endpoints],
});
const shape = (plan: ReturnType<typeof planSlices>) => ({
  create: plan.create.map(({ endpoints }) => endpoints.length),
  change: plan.change.map(({ slice, endpoints }) => `${slice.metadata.name}:${endpoints.length}`),
  remove: plan.remove.map(({ metadata }) => metadata.name),
});

test('250 endpoints take three slices', () => {
  assert.deepEqual(shape(planSlices([content(many(250))], [])), { create: [100, 100, 50], change: [], remove: [] });
});

test('what is the same is left alone; a change touches its slice only', () => {
  const present = [slice('a', many(100)), slice('b', many(50, 100))];
  assert.deepEqual(shape(planSlices([content(many(150))], present)), { create: [], change: [], remove: [] });
  const changed = many(150).map((one, index) => (index === 3 ? endpoint('pod-3', false) : one));
  assert.deepEqual(shape(planSlices([content(changed)], present)), { create: [], change: ['a:100'], remove: [] });
});

test('new ones go where there is room', () => {
  assert.deepEqual(shape(planSlices([content(many(152))], [slice('a', many(100)), slice('b', many(50, 100))])), { create: [], change: ['b:52'], remove: [] });
});

test('without endpoints one empty slice remains; other ports make other slices', () => {
  assert.deepEqual(shape(planSlices([content([])], [])), { create: [0], change: [], remove: [] });
  const other: Content = { ...content(many(2)), ports: [{ port: 81, protocol: 'TCP' }] };
  assert.deepEqual(shape(planSlices([other], [slice('a', many(2))])), { create: [2], change: [], remove: ['a'] });
});
