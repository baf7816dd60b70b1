import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMaps, deployments, pods } from '../kinds/index.ts';
import { trackUpdate } from './track-update.ts';

type Any = Record<string, any>;
const nowMs = 1_767_225_600_000;
const time = '2026-01-01T00:00:00Z';
const map = (data: object, metadata: object = {}): Any => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', ...metadata }, data });
const made = (object: Any, fieldManager = 'kubectl-create'): Any => {
  trackUpdate(configMaps, undefined, object, { fieldManager, nowMs });
  return object;
};
const owners = (object: Any) => (object['metadata'].managedFields ?? []).map((entry: Any) => [entry['manager'], entry['subresource'] ?? '', entry['fieldsV1']]);

test('who makes an object owns what it says, but for what names it and what is empty', () => {
  const object = made(map({ k: 'v' }, { uid: 'u', labels: {}, annotations: { n: '1' } }));
  assert.deepEqual(object['metadata'].managedFields, [
    { manager: 'kubectl-create', operation: 'Update', apiVersion: 'v1', time, fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { '.': {}, 'f:k': {} }, 'f:metadata': { 'f:annotations': { '.': {}, 'f:n': {} } } } },
  ]);
});

test('structs that are always there are not added; pointers, maps and items are', () => {
  const draft: Any = { metadata: { name: 'd' }, spec: { selector: { matchLabels: { a: 'b' } }, strategy: { rollingUpdate: { maxSurge: 1 } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i', resources: {} }] } } }, status: { replicas: 1 } };
  trackUpdate(deployments, undefined, draft, { fieldManager: 'm' });
  assert.deepEqual(owners(draft), [['m', '', { 'f:spec': {
    'f:selector': {}, 'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {} } },
    'f:template': { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } }, 'f:spec': { 'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {}, 'f:resources': {} } } } },
  } }]]);
});

test('an update takes what it changes, and what is gone is nobody\'s; one that changes nothing leaves the time', () => {
  const live = made(map({ a: '1', b: '1', c: '1' }));
  const draft = map({ a: '2', b: '1' });
  trackUpdate(configMaps, live, draft, { fieldManager: 'other', nowMs });
  assert.deepEqual(owners(draft), [['kubectl-create', '', { 'f:data': { '.': {}, 'f:b': {} } }], ['other', '', { 'f:data': { 'f:a': {} } }]]);
  const same = map({ a: '2', b: '1' });
  trackUpdate(configMaps, draft, same, { fieldManager: 'third', nowMs: nowMs + 60_000 });
  assert.equal(same['metadata'].managedFields, draft['metadata'].managedFields);
});

test('a status is owned through its own endpoint', () => {
  const live: Any = { metadata: { name: 'p' }, spec: { nodeName: 'n' } };
  trackUpdate(pods, undefined, live, { fieldManager: 'm' });
  const draft: Any = { ...live, status: { phase: 'Running' } };
  trackUpdate(pods, live, draft, { fieldManager: 'kubelet', subresource: 'status' });
  assert.deepEqual(owners(draft), [['kubelet', 'status', { 'f:status': { 'f:phase': {} } }], ['m', '', { 'f:spec': { 'f:nodeName': {} } }]]);
});

test('an empty list ends the book, which updates do not begin again', () => {
  const live = made(map({ a: '1' }));
  for (const managedFields of [[], [{}]]) {
    const reset = map({ a: '1' }, { managedFields });
    trackUpdate(configMaps, live, reset, { fieldManager: 'x', nowMs });
    assert.deepEqual(owners(reset), []);
    const later = map({ a: '2' });
    trackUpdate(configMaps, reset, later, { fieldManager: 'x', nowMs });
    assert.deepEqual(owners(later), []);
  }
});
