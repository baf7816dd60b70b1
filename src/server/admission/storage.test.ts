// The plug-ins for claims and volumes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kinds, nodes, persistentVolumeClaims, storageClasses } from '../../api/kinds/index.ts';
import type { Kind, Resource, UserInfo } from '../../api/kind.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { KubeObject, PersistentVolumeClaim } from '../../api/types.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { identities } from '../auth/authorize.ts';
import type { AdmissionRequest, AdmissionWorld } from './admission.ts';
import { admissions } from './admissions.ts';

const clock = new VirtualClock();
const plugins = admissions({ clock });
const admin: UserInfo = { username: 'admin', groups: ['system:masters'] };
const kind = (plural: string) => kinds.find((each) => each.plural === plural)! as Kind;
const object = (name: string, rest: { metadata?: object } & Record<string, unknown> = {}) => ({ ...rest, metadata: { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: '2026-01-01T00:00:00Z', ...rest.metadata } }) as unknown as KubeObject;

function worldOf(objects: readonly (readonly [Resource, KubeObject])[]): AdmissionWorld {
  return {
    get: <T extends KubeObject>(of: Resource<T>, { name }: ObjectKey) => objects.find(([resource, one]) => resource.plural === of.plural && one.metadata.name === name)?.[1] as T | undefined,
    list: <T extends KubeObject>(of: Resource<T>) => objects.filter(([resource]) => resource.plural === of.plural).map(([, one]) => one as T),
    kindNamed: (group, name) => kinds.find((each) => each.group === group && each.kind === name),
  };
}

async function admit(request: Partial<AdmissionRequest> & { kind: Kind }, world: AdmissionWorld): Promise<KubeObject> {
  const full = { verb: 'create', namespace: request.kind.namespaced ? 'default' : '', name: request.draft?.metadata.name ?? '', user: admin, dryRun: false, ...request } as AdmissionRequest;
  // There is no Namespace in these small worlds.
  const asked = plugins.filter((plugin) => plugin.name !== 'NamespaceLifecycle' && plugin.handles(full));
  for (const plugin of asked) await plugin.mutate?.(full, world);
  for (const plugin of asked) await plugin.validate?.(full, world);
  return full.draft!;
}

const isDefault = { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } };
const claimKind = kind('persistentvolumeclaims');

test('a claim without a class gets the newest default one; one that wants none keeps none', async () => {
  const world = worldOf([[storageClasses, object('old', { metadata: isDefault })], [storageClasses, object('new', { metadata: { ...isDefault, creationTimestamp: '2026-02-01T00:00:00Z' } })], [storageClasses, object('newest', { metadata: { creationTimestamp: '2026-03-01T00:00:00Z' } })]]);
  const classOf = async (spec: object) => ((await admit({ kind: claimKind, draft: object('c', { spec }) }, world)) as PersistentVolumeClaim).spec.storageClassName;
  assert.equal(await classOf({}), 'new');
  assert.equal(await classOf({ storageClassName: '' }), '');
  assert.equal(await classOf({ storageClassName: 'old' }), 'old');
  assert.equal(((await admit({ kind: claimKind, draft: object('c', { spec: {} }) }, worldOf([]))) as PersistentVolumeClaim).spec.storageClassName, undefined);
});

test('claims and volumes stay while they are used', async () => {
  assert.deepEqual((await admit({ kind: claimKind, draft: object('c', { spec: {} }) }, worldOf([]))).metadata.finalizers, ['kubernetes.io/pvc-protection']);
  assert.deepEqual((await admit({ kind: kind('persistentvolumes'), draft: object('v', { spec: {}, metadata: { finalizers: ['a/b'] } }) }, worldOf([]))).metadata.finalizers, ['a/b', 'kubernetes.io/pv-protection']);
});

test('a claim grows only where its class says so, and only when it is bound', async () => {
  const sized = (storage: string, storageClassName: string, phase = 'Bound') => object('c', { spec: { storageClassName, resources: { requests: { storage } } }, status: { phase } });
  const world = worldOf([[storageClasses, object('grows', { allowVolumeExpansion: true })], [storageClasses, object('fixed')]]);
  const grow = (name: string, phase?: string) => admit({ kind: claimKind, verb: 'update', draft: sized('2Gi', name, phase), before: sized('1Gi', name, phase) }, world);
  await grow('grows');
  await assert.rejects(grow('fixed'), { message: 'persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize' });
  await assert.rejects(grow('grows', 'Pending'), { message: 'persistentvolumeclaims "c" is forbidden: Only bound persistent volume claims can be expanded' });
  await admit({ kind: claimKind, verb: 'update', draft: sized('1Gi', 'fixed'), before: sized('1Gi', 'fixed') }, world);
});

test('a node writes only volumes that are its own directories, for claims that are to be on it', async () => {
  const affinity = (host: string) => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [host] }] }] } });
  const volume = (host: string, more: object = {}, by = 'peapod.dev/local-path') =>
    object('v', { metadata: { annotations: { 'pv.kubernetes.io/provisioned-by': by } }, spec: { local: { path: '/x' }, nodeAffinity: affinity(host), claimRef: { namespace: 'default', name: 'c', uid: 'uid-c' }, ...more } });
  const claimOn = (host: string) => worldOf([[nodes, object('n1')], [persistentVolumeClaims, object('c', { metadata: { annotations: { 'volume.kubernetes.io/selected-node': host } } })]]);
  const write = (draft: KubeObject, at = claimOn('n1'), more: Partial<AdmissionRequest> = {}) => admit({ kind: kind('persistentvolumes'), draft, user: identities.node('n1'), ...more }, at);
  await write(volume('n1'));
  await assert.rejects(write(volume('n2')), /node "n1" can only modify its own local volumes/);
  await assert.rejects(write(volume('n1', {}, 'other')), /can only modify its own local volumes/);
  await assert.rejects(write(volume('n1', { local: undefined, hostPath: { path: '/' } })), /can only modify its own local volumes/);
  await assert.rejects(write(volume('n1'), claimOn('n2')), /node "n1" can only create volumes for claims that are to be on it/);
  await assert.rejects(write(volume('n1'), claimOn('n1'), { verb: 'update', before: volume('n2') }), /can only modify its own local volumes/);
});
