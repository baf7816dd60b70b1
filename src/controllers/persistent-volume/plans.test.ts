import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../api/types.ts';
import { planClaim, type StorageWorld } from './plan-claim.ts';
import { planVolume } from './plan-volume.ts';

const claim = (spec: object = {}, annotations: Record<string, string> = {}, status: object = { phase: 'Pending' }) =>
  ({ metadata: { name: 'c', namespace: 'n', uid: 'claim-1', annotations }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } }, storageClassName: 'manual', ...spec }, status }) as unknown as PersistentVolumeClaim;
const volume = (name: string, storage: string, spec: object = {}, annotations: Record<string, string> = {}) =>
  ({ metadata: { name, uid: name, annotations }, spec: { accessModes: ['ReadWriteOnce', 'ReadOnlyMany'], capacity: { storage }, storageClassName: 'manual', persistentVolumeReclaimPolicy: 'Retain', ...spec }, status: { phase: 'Available' } }) as unknown as PersistentVolume;
const classOf = (name: string, more: object = {}) => ({ metadata: { name, creationTimestamp: '2026-01-01T00:00:00Z' }, provisioner: 'maker/x', volumeBindingMode: 'Immediate', ...more }) as unknown as StorageClass;
const world = (volumes: readonly PersistentVolume[], classes: readonly StorageClass[] = [], pods: readonly Pod[] = []): StorageWorld => ({
  volumes, classes, pods, volume: (name) => volumes.find(({ metadata }) => metadata.name === name), storageClass: (name) => classes.find(({ metadata }) => metadata.name === name),
});
/** In short: what is to be done, and to what. */
function plan(one: PersistentVolumeClaim, at: StorageWorld): string {
  const planned = planClaim(one, at);
  switch (planned.type) {
    case 'bind': return `bind ${planned.volume.metadata.name}`;
    case 'wait':
    case 'lost': return planned.tell ? `${planned.tell.reason}: ${planned.tell.message}` : planned.type;
    case 'ask-provisioner': return `ask ${planned.provisioner}`;
    case 'take-class': return `take ${planned.className}`;
  }
}

test('the smallest volume that fits, of the class, with the access modes, the labels and the mode', () => {
  const all = [volume('large', '9Gi'), volume('fits', '3Gi'), volume('small', '1Gi'), volume('other', '2Gi', { storageClassName: 'fast' }), volume('block', '2Gi', { volumeMode: 'Block' })];
  assert.equal(plan(claim(), world(all)), 'bind fits');
  assert.equal(plan(claim({ storageClassName: 'fast' }), world(all)), 'bind other');
  assert.equal(plan(claim({ volumeMode: 'Block' }), world(all)), 'bind block');
  assert.equal(plan(claim({ accessModes: ['ReadWriteMany'] }), world(all, [classOf('manual')])), 'ask maker/x');
  assert.equal(plan(claim({ selector: { matchLabels: { a: 'b' } } }), world(all, [classOf('manual')])), 'ask maker/x');
  const labelled = { ...volume('labelled', '5Gi'), metadata: { name: 'labelled', labels: { a: 'b' } } } as unknown as PersistentVolume;
  assert.equal(plan(claim({ selector: { matchLabels: { a: 'b' } } }), world([...all, labelled])), 'bind labelled');
});

test('a volume that is kept for the claim comes first; one that is another\'s never', () => {
  const kept = volume('kept', '9Gi', { claimRef: { namespace: 'n', name: 'c' } });
  assert.equal(plan(claim(), world([volume('fits', '2Gi'), kept])), 'bind kept');
  assert.equal(plan(claim(), world([volume('taken', '2Gi', { claimRef: { namespace: 'n', name: 'c', uid: 'claim-0' } })], [classOf('manual')])), 'ask maker/x');
  assert.equal(plan(claim({ volumeName: 'taken' }), world([volume('taken', '2Gi', { claimRef: { namespace: 'n', name: 'd' } })])), 'FailedBinding: volume "taken" already bound to a different claim.');
});

test('a claim that names a volume gets that one or none', () => {
  assert.equal(plan(claim({ volumeName: 'v' }), world([volume('v', '2Gi'), volume('w', '2Gi')])), 'bind v');
  assert.equal(plan(claim({ volumeName: 'v' }), world([])), 'wait');
  assert.equal(plan(claim({ volumeName: 'v' }), world([volume('v', '1Gi')])), 'VolumeMismatch: Cannot bind to requested volume "v": requested PV is too small');
  assert.equal(plan(claim({ volumeName: 'v', storageClassName: '' }), world([volume('v', '2Gi')])), 'VolumeMismatch: Cannot bind to requested volume "v": storageClassName does not match');
});

test('classes: none, unknown, the default, and those that wait for a Pod', () => {
  assert.equal(plan(claim({ storageClassName: '' }), world([])), 'FailedBinding: no persistent volumes available for this claim and no storage class is set');
  assert.equal(plan(claim(), world([])), 'ProvisioningFailed: storageclass.storage.k8s.io "manual" not found');
  const standard = classOf('standard', { metadata: { name: 'standard', creationTimestamp: '2026-01-01T00:00:00Z', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } } });
  assert.equal(plan(claim({ storageClassName: undefined }), world([], [classOf('manual'), standard])), 'take standard');
  const late = classOf('manual', { volumeBindingMode: 'WaitForFirstConsumer' });
  const pod = (name: string) => ({ metadata: { name }, spec: {} }) as Pod;
  assert.equal(plan(claim(), world([volume('fits', '2Gi')], [late])), 'WaitForFirstConsumer: waiting for first consumer to be created before binding');
  assert.equal(plan(claim(), world([], [late], [pod('web')])), 'WaitForPodScheduled: waiting for pod web to be scheduled');
  assert.equal(plan(claim({}, { 'volume.kubernetes.io/selected-node': 'a' }), world([], [late])), 'ask maker/x');
  assert.equal(plan(claim(), world([volume('kept', '2Gi', { claimRef: { namespace: 'n', name: 'c', uid: 'claim-1' } })], [late])), 'bind kept');
});

test('a bound claim without its volume is lost', () => {
  const bound = (spec: object) => claim(spec, { 'pv.kubernetes.io/bind-completed': 'yes' }, { phase: 'Bound' });
  assert.equal(plan(bound({ volumeName: 'v' }), world([])), 'ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  assert.equal(plan(bound({}), world([])), 'ClaimLost: Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  assert.equal(plan(bound({ volumeName: 'v' }), world([volume('v', '2Gi', { claimRef: { namespace: 'n', name: 'c', uid: 'claim-0' } })])), 'ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly');
  assert.equal(plan(bound({ volumeName: 'v' }), world([volume('v', '2Gi', { claimRef: { namespace: 'n', name: 'c', uid: 'claim-1' } })])), 'bind v');
});

test('phases of a volume, and its end', () => {
  const ref = { claimRef: { namespace: 'n', name: 'c', uid: 'claim-1' } };
  const made = { 'pv.kubernetes.io/provisioned-by': 'maker/x' };
  assert.deepEqual(planVolume(volume('v', '1Gi'), undefined), { type: 'phase', phase: 'Available' });
  assert.deepEqual(planVolume(volume('v', '1Gi', { claimRef: { namespace: 'n', name: 'c' } }), undefined), { type: 'phase', phase: 'Available' });
  assert.deepEqual(planVolume(volume('v', '1Gi', ref), claim()), { type: 'ask-claim' });
  assert.deepEqual(planVolume(volume('v', '1Gi', ref), claim({ volumeName: 'v' })), { type: 'phase', phase: 'Bound' });
  assert.deepEqual(planVolume(volume('v', '1Gi', ref), undefined), { type: 'phase', phase: 'Released' });
  assert.deepEqual(planVolume(volume('v', '1Gi', ref), { ...claim(), metadata: { ...claim().metadata, uid: 'claim-2' } }), { type: 'phase', phase: 'Released' });
  assert.deepEqual(planVolume(volume('v', '1Gi', { ...ref, persistentVolumeReclaimPolicy: 'Delete' }, made), undefined), { type: 'phase', phase: 'Released' });
  assert.deepEqual(planVolume(volume('v', '1Gi', { ...ref, persistentVolumeReclaimPolicy: 'Delete' }), undefined), { type: 'failed', reason: 'VolumeFailedDelete', message: 'error getting deleter volume plugin for volume "v": no deletable volume plugin matched' });
  assert.deepEqual(planVolume(volume('v', '1Gi', { ...ref, persistentVolumeReclaimPolicy: 'Recycle' }), undefined), { type: 'failed', reason: 'VolumeFailedRecycle', message: 'No recycler plugin found for the volume!' });
  assert.deepEqual(planVolume(volume('v', '1Gi', ref), claim({ volumeName: 'w' })), { type: 'release', keepsName: true });
  assert.deepEqual(planVolume(volume('v', '1Gi', ref, { 'pv.kubernetes.io/bound-by-controller': 'yes' }), claim({ volumeName: 'w' })), { type: 'release', keepsName: false });
});
