// The rules of claims, volumes and classes, in Kubernetes' words.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind, WriteContext } from '../../kind.ts';
import type { KubeObject } from '../../types.ts';
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../index.ts';

type Fields = Record<string, unknown>;
const context: WriteContext = { nowMs: 0, uuid: () => '', user: { username: '', groups: [] } };

function created<T extends KubeObject>(kind: Kind<T>, fields: Fields): T {
  const object = structuredClone({ metadata: { name: 'x', creationTimestamp: '1970-01-01T00:00:00Z' }, ...fields }) as unknown as T;
  kind.prepareCreate?.(object, context);
  kind.defaults?.(object);
  return object;
}

const words = (causes: readonly { readonly field?: string; readonly message: string }[] | undefined) => (causes ?? []).map(({ field, message }) => `${field}: ${message}`);
const wrong = <T extends KubeObject>(kind: Kind<T>, fields: Fields) => words(kind.validate?.(created(kind, fields)));
function wrongUpdate<T extends KubeObject>(kind: Kind<T>, before: Fields, after: Fields): string[] {
  const [old, object] = [created(kind, before), created(kind, after)];
  Object.assign(old, before['status'] ? { status: before['status'] } : {});
  return words(kind.validateUpdate?.(object, old));
}

const claim = (spec: Fields = {}) => ({ spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec } });
const volume = (spec: Fields = {}) => ({ spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/data' }, ...spec } });
const modes = '"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"';

test('claims that are refused', () => {
  assert.deepEqual(wrong(persistentVolumeClaims, claim()), []);
  assert.deepEqual(wrong(persistentVolumeClaims, { spec: {} }), ['spec.accessModes: Required value: at least 1 access mode is required', 'spec.resources[storage]: Required value']);
  assert.deepEqual(wrong(persistentVolumeClaims, claim({ accessModes: ['ReadOnce'] })), [`spec.accessModes: Unsupported value: "ReadOnce": supported values: ${modes}`]);
  assert.deepEqual(wrong(persistentVolumeClaims, claim({ accessModes: ['ReadWriteOncePod', 'ReadWriteOnce'] })), ['spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes']);
  assert.deepEqual(wrong(persistentVolumeClaims, claim({ resources: { requests: { storage: '0' } } })), ['spec.resources[storage]: Invalid value: "0": must be greater than zero']);
  assert.deepEqual(wrong(persistentVolumeClaims, claim({ volumeMode: 'Tape' })), ['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"']);
  assert.deepEqual(wrong(persistentVolumeClaims, claim({ dataSource: { kind: 'VolumeSnapshot', name: '' } }))[0], 'spec.dataSource.name: Required value');
});

test('what of a claim may change', () => {
  const change = (before: Fields, after: Fields, status: Fields = { phase: 'Pending' }) => wrongUpdate(persistentVolumeClaims, { ...claim(before), status }, claim(after));
  const bound = { phase: 'Bound', capacity: { storage: '1Gi' } };
  const fixed = 'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
  assert.deepEqual(change({}, { volumeName: 'v' }), []);
  assert.deepEqual(change({ volumeName: 'v' }, { volumeName: 'w' }), [fixed]);
  assert.deepEqual(change({}, { storageClassName: 'fast' }), []);
  assert.deepEqual(change({ storageClassName: 'slow' }, { storageClassName: 'fast' }), [fixed]);
  assert.deepEqual(change({}, { accessModes: ['ReadWriteMany'] }), [fixed]);
  assert.deepEqual(change({}, { resources: { requests: { storage: '2Gi' } } }), [fixed]);
  assert.deepEqual(change({}, { resources: { requests: { storage: '2Gi' } } }, bound), []);
  assert.deepEqual(change({}, { resources: { requests: { storage: '1Mi' } } }, bound), ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity']);
  assert.deepEqual(change({}, { volumeMode: 'Block' }), [fixed, 'volumeMode: Invalid value: "Block": field is immutable']);
});

test('volumes that are refused, and what of them may change', () => {
  const here = { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }] } };
  assert.deepEqual(wrong(persistentVolumes, volume()), []);
  assert.deepEqual(wrong(persistentVolumes, { spec: {} }), ['spec.accessModes: Required value', 'spec.capacity: Required value', 'spec: Required value: must specify a volume type']);
  assert.deepEqual(wrong(persistentVolumes, volume({ local: { path: '/x' } })), ['spec.local: Forbidden: may not specify more than 1 volume type', 'spec.nodeAffinity: Required value: Local volume requires node affinity']);
  assert.deepEqual(wrong(persistentVolumes, volume({ nodeAffinity: {} })), ['spec.nodeAffinity.required: Required value: must specify required node constraints']);
  assert.deepEqual(wrong(persistentVolumes, volume({ hostPath: { path: '/', type: '' }, persistentVolumeReclaimPolicy: 'Recycle' })), ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"]);
  assert.deepEqual(wrong(persistentVolumes, volume({ hostPath: { path: '/a/../b' } })), ["spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"]);
  assert.deepEqual(wrong(persistentVolumes, volume({ persistentVolumeReclaimPolicy: 'Burn' })), ['spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"']);
  assert.deepEqual(wrongUpdate(persistentVolumes, volume(), volume({ hostPath: { path: '/other' } })), ['spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation']);
  assert.deepEqual(wrongUpdate(persistentVolumes, volume(), volume({ nodeAffinity: here, persistentVolumeReclaimPolicy: 'Delete', capacity: { storage: '2Gi' } })), []);
  assert.equal(wrongUpdate(persistentVolumes, volume({ nodeAffinity: here }), volume())[0], 'nodeAffinity: Invalid value: null: field is immutable');
});

test('classes that are refused, and what of them may change', () => {
  const one = { provisioner: 'a.b/c' };
  assert.deepEqual(wrong(storageClasses, one), []);
  assert.deepEqual(wrong(storageClasses, {}), ['provisioner: Required value']);
  assert.deepEqual(wrong(storageClasses, { ...one, reclaimPolicy: 'Recycle', volumeBindingMode: 'Later' }), ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"', 'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"']);
  assert.deepEqual(wrongUpdate(storageClasses, one, { provisioner: 'x', parameters: { a: 'b' }, reclaimPolicy: 'Retain', volumeBindingMode: 'WaitForFirstConsumer', allowVolumeExpansion: true }), [
    'parameters: Forbidden: updates to parameters are forbidden.', 'provisioner: Forbidden: updates to provisioner are forbidden.', 'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
    'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
  ]);
});

test('when a volume\'s phase began is told once', () => {
  const before = created(persistentVolumes, volume());
  assert.deepEqual(before.status, { phase: 'Pending', lastPhaseTransitionTime: '1970-01-01T00:00:00Z' });
  const draft = { ...before, status: { phase: 'Available' } } as typeof before;
  persistentVolumes.prepareStatus!(draft, before, { ...context, nowMs: 5000 });
  assert.equal(draft.status.lastPhaseTransitionTime, '1970-01-01T00:00:05Z');
  const same = { ...draft, status: { phase: 'Available', message: 'x' } } as typeof before;
  persistentVolumes.prepareStatus!(same, draft, { ...context, nowMs: 9000 });
  assert.equal(same.status.lastPhaseTransitionTime, '1970-01-01T00:00:05Z');
});
