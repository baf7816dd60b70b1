import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind, Resource, UserInfo } from '../../api/kind.ts';
import { kinds, namespaces, nodes, priorityClasses, runtimeClasses, serviceAccounts } from '../../api/kinds/index.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { KubeObject, Node, Pod } from '../../api/types.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { identities } from '../auth/authorize.ts';
import type { AdmissionRequest, AdmissionWorld } from './admission.ts';
import { admissions } from './admissions.ts';

const clock = new VirtualClock();
const plugins = admissions({ clock });
const admin: UserInfo = { username: 'admin', groups: ['system:masters'] };
const node = identities.node('n1');

type Loose = { metadata?: object; spec?: object; status?: object };
const object = (name: string, rest: Loose = {}): KubeObject => ({ ...rest, metadata: { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '', ...rest.metadata } }) as KubeObject;

class World implements AdmissionWorld {
  readonly objects = new Map<string, KubeObject>();
  put(of: Resource, namespace: string, object: KubeObject): this {
    this.objects.set(`${of.plural}/${namespace}/${object.metadata.name}`, object);
    return this;
  }
  get<T extends KubeObject>(of: Resource<T>, key: ObjectKey): T | undefined {
    return this.objects.get(`${of.plural}/${key.namespace}/${key.name}`) as T | undefined;
  }
  list<T extends KubeObject>(of: Resource<T>): readonly T[] {
    return [...this.objects].filter(([key]) => key.startsWith(`${of.plural}/`)).map(([, object]) => object as T);
  }
  kindNamed(group: string, name: string): Kind | undefined {
    return kinds.find((each) => each.group === group && each.kind === name);
  }
}

const world = () =>
  new World()
    .put(namespaces, '', object('default', { status: { phase: 'Active' } }))
    .put(namespaces, '', object('ending', { status: { phase: 'Terminating' } }))
    .put(serviceAccounts, 'default', object('default', { imagePullSecrets: [{ name: 'pull' }] } as Loose))
    .put(nodes, '', object('n1'));

async function admit(request: Partial<AdmissionRequest> & { kind: Kind }, at = world()): Promise<KubeObject | undefined> {
  const full = { verb: 'create', namespace: request.kind.namespaced ? 'default' : '', name: request.draft?.metadata.name ?? request.before?.metadata.name ?? '', user: admin, dryRun: false, ...request } as AdmissionRequest;
  for (const plugin of plugins) if (plugin.handles(full)) await plugin.mutate?.(full, at);
  for (const plugin of plugins) if (plugin.handles(full)) await plugin.validate?.(full, at);
  return full.draft;
}

const pod = (rest: Loose = {}) => object('web', { spec: { containers: [] }, ...rest });
const kind = (plural: string) => kinds.find((each) => each.plural === plural)!;

test('a Pod is filled in', async () => {
  const { spec } = (await admit({ kind: kind('pods'), draft: pod() })) as Pod;
  assert.equal(spec.serviceAccountName, 'default');
  assert.equal(spec.serviceAccount, 'default');
  assert.equal(spec.priority, 0);
  assert.equal(spec.preemptionPolicy, 'PreemptLowerPriority');
  assert.deepEqual(spec.imagePullSecrets, [{ name: 'pull' }]);
  assert.deepEqual(spec.tolerations, ['not-ready', 'unreachable'].map((name) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })));
});

test('tolerations of its own stand', async () => {
  const all = (await admit({ kind: kind('pods'), draft: pod({ spec: { tolerations: [{ operator: 'Exists' }] } }) })) as Pod;
  assert.deepEqual(all.spec.tolerations, [{ operator: 'Exists' }]);
  const one = (await admit({ kind: kind('pods'), draft: pod({ spec: { tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }] } }) })) as Pod;
  assert.deepEqual(one.spec.tolerations?.map(({ key, tolerationSeconds }) => [key, tolerationSeconds]), [['node.kubernetes.io/not-ready', 5], ['node.kubernetes.io/unreachable', 300]]);
});

test('a Pod gets its account\'s token in every container, unless something is there or it is not wanted', async () => {
  const path = '/var/run/secrets/kubernetes.io/serviceaccount';
  const own = { name: 'own', readOnly: false, mountPath: path };
  const filled = async (spec: object, at = world()) => ((await admit({ kind: kind('pods'), draft: pod({ spec: { containers: [{ name: 'c' }], ...spec } }) }, at)) as Pod).spec;
  const spec = await filled({ initContainers: [{ name: 'i', volumeMounts: [{ name: 'v', mountPath: '/v' }] }], containers: [{ name: 'a' }, { name: 'b', volumeMounts: [own] }], volumes: [{ name: 'v', emptyDir: {} }] });
  const name = spec.volumes![1]!.name;
  assert.match(name, /^kube-api-access-[a-z0-9]{5}$/);
  const mount = { name, readOnly: true, mountPath: path };
  assert.deepEqual(spec.initContainers![0]!.volumeMounts, [{ name: 'v', mountPath: '/v' }, mount]);
  assert.deepEqual(spec.containers.map((container) => container.volumeMounts), [[mount], [own]]);
  assert.deepEqual(spec.volumes![1]!.projected, {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
    ],
  });

  assert.equal((await filled({ containers: [{ name: 'a', volumeMounts: [own] }] })).volumes, undefined);
  const again = await filled({ volumes: [{ name: 'kube-api-access-mine', projected: {} }] });
  assert.deepEqual([again.volumes!.length, again.containers[0]!.volumeMounts![0]!.name], [1, 'kube-api-access-mine']);
  const shy = world().put(serviceAccounts, 'default', object('default', { automountServiceAccountToken: false } as Loose));
  assert.equal((await filled({}, shy)).volumes, undefined);
  assert.equal((await filled({ automountServiceAccountToken: true }, shy)).volumes!.length, 1);
  assert.equal((await filled({ automountServiceAccountToken: false })).volumes, undefined);
});

test('a node asks for tokens of its own Pods only', async () => {
  const bound = object('web', { metadata: { uid: 'u' }, spec: { nodeName: 'n1', volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 't' } }] } }] } });
  const at = world().put(kind('pods'), 'default', bound).put(kind('pods'), 'default', object('other', { metadata: { uid: 'u' }, spec: { nodeName: 'n2' } }));
  const ask = (spec: object) => admit({ user: node, kind: kind('serviceaccounts'), subresource: 'token', name: 'default', draft: object('default', { spec }) }, at);
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'u' };
  await ask({ boundObjectRef, audiences: ['vault'] });
  await ask({ boundObjectRef, audiences: ['https://kubernetes.default.svc.cluster.local'] });
  await assert.rejects(ask({}), /^ApiError: serviceaccounts "default" is forbidden: node requested token not bound to a pod$/);
  await assert.rejects(ask({ boundObjectRef: { ...boundObjectRef, uid: undefined } }), /node requested token with a pod binding without a uid/);
  await assert.rejects(ask({ boundObjectRef: { ...boundObjectRef, uid: 'x' } }), /the UID in the bound object reference \(x\) does not match the UID in record/);
  await assert.rejects(ask({ boundObjectRef: { ...boundObjectRef, name: 'gone' } }), { code: 404 });
  await assert.rejects(ask({ boundObjectRef: { ...boundObjectRef, name: 'other' } }), /node requested token bound to a pod scheduled on a different node/);
  await assert.rejects(ask({ boundObjectRef, audiences: ['bank'] }), /audience "bank" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience/);
});

test('namespaces: missing, ending, and not to be deleted', async () => {
  await assert.rejects(admit({ kind: kind('pods'), namespace: 'nowhere', draft: pod() }), { code: 404, message: 'namespaces "nowhere" not found' });
  await assert.rejects(admit({ kind: kind('configmaps'), namespace: 'ending', draft: object('c') }), {
    code: 403,
    message: 'configmaps "c" is forbidden: unable to create new content in namespace ending because it is being terminated',
    details: { name: 'c', group: '', kind: 'configmaps', causes: [{ reason: 'NamespaceTerminating', message: 'namespace ending is being terminated', field: 'metadata.namespace' }] },
  });
  for (const name of ['default', 'kube-system', 'kube-public']) {
    await assert.rejects(admit({ kind: kind('namespaces'), verb: 'delete', name, before: object(name) }), { message: `namespaces "${name}" is forbidden: this namespace may not be deleted` });
  }
  await admit({ kind: kind('namespaces'), verb: 'delete', name: 'mine', before: object('mine') });
  await admit({ kind: kind('pods'), verb: 'delete', namespace: 'ending', before: pod() });
});

test('service accounts: a missing one is refused, a default one is waited for', async () => {
  await assert.rejects(admit({ kind: kind('pods'), draft: object('', { metadata: { name: '', generateName: 'web-' }, spec: { serviceAccountName: 'robot' } }) }), {
    message: 'pods "web-" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found',
  });
  const young = world().put(namespaces, '', object('young', { status: { phase: 'Active' } }));
  const waiting = admit({ kind: kind('pods'), namespace: 'young', draft: pod() }, young);
  await clock.advance(3);
  young.put(serviceAccounts, 'young', object('default'));
  await clock.advance(100);
  assert.equal(((await waiting) as Pod).spec.serviceAccountName, 'default');
  const never = assert.rejects(admit({ kind: kind('pods'), namespace: 'young', draft: pod() }, world().put(namespaces, '', object('young', { status: {} }))), /serviceaccount "default" not found/);
  await clock.advance(2_000);
  await never;
});

test('priorities', async () => {
  const classes = (...all: KubeObject[]) => all.reduce((at, one) => at.put(priorityClasses, '', one), world());
  const named = (name: string, value: number, rest: object = {}) => object(name, { value, preemptionPolicy: 'PreemptLowerPriority', ...rest } as Loose);
  const at = () => classes(named('system-node-critical', 2_000_001_000), named('modest', 100, { preemptionPolicy: 'Never' }));
  const admitted = async (spec: object, where = at()) => ((await admit({ kind: kind('pods'), draft: pod({ spec }) }, where)) as Pod).spec;
  assert.equal((await admitted({ priorityClassName: 'system-node-critical' })).priority, 2_000_001_000);
  const modest = await admitted({ priorityClassName: 'modest', priority: 100 });
  assert.deepEqual([modest.priority, modest.preemptionPolicy], [100, 'Never']);
  await assert.rejects(admitted({ priorityClassName: 'x' }), { message: 'pods "web" is forbidden: no PriorityClass with name x was found' });
  await assert.rejects(admitted({ priority: 7 }), /the integer value of priority \(7\) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name/);
  await assert.rejects(admitted({ priorityClassName: 'modest', preemptionPolicy: 'PreemptLowerPriority' }), /the string value of PreemptionPolicy \(PreemptLowerPriority\) must not be provided in pod spec; priority admission controller computed Never/);
  const usual = await admitted({}, classes(named('usual', 10, { globalDefault: true })));
  assert.deepEqual([usual.priorityClassName, usual.priority], ['usual', 10]);
  const kept = (await admit({ kind: kind('pods'), verb: 'update', before: pod({ spec: { priority: 5 } }), draft: pod() })) as Pod;
  assert.equal(kept.spec.priority, 5);
  const another = admit({ kind: kind('priorityclasses'), draft: named('other', 1, { globalDefault: true }) }, classes(named('usual', 10, { globalDefault: true })));
  await assert.rejects(another, /PriorityClass usual is already marked as default. Only one default can exist/);
});

test('a node\'s taints follow its conditions', async () => {
  const condition = (type: string, status: string) => ({ type, status });
  const taints = async (rest: Loose, subresource?: string) => {
    const draft = object('n1', rest);
    Object.freeze((draft as Node).spec);
    const result = (await admit({ kind: kind('nodes'), verb: subresource ? 'update' : 'create', subresource, draft, before: draft })) as Node;
    return (result.spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);
  };
  const notReady = 'node.kubernetes.io/not-ready:NoSchedule';
  assert.deepEqual(await taints({ spec: {} }), [notReady]);
  assert.deepEqual(await taints({ spec: {}, status: { conditions: [condition('Ready', 'True')] } }), []);
  const tainted = { taints: [{ key: 'mine', effect: 'NoSchedule' }, { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }, { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }] };
  assert.deepEqual(await taints({ spec: tainted, status: { conditions: [condition('Ready', 'True'), condition('MemoryPressure', 'True')] } }, 'status'), ['mine:NoSchedule', 'node.kubernetes.io/not-ready:NoExecute', 'node.kubernetes.io/memory-pressure:NoSchedule']);
  assert.deepEqual(await taints({ spec: { unschedulable: true }, status: { conditions: [condition('Ready', 'Unknown')] } }), ['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unschedulable:NoSchedule']);
});

test('a node agent writes only what is its own', async () => {
  const bound = (nodeName: string, labels?: object) => pod({ metadata: { labels }, spec: { nodeName } });
  const as = (request: Parameters<typeof admit>[0]) => admit({ user: node, ...request });
  await as({ kind: kind('pods'), verb: 'update', subresource: 'status', before: bound('n1'), draft: bound('n1') });
  await assert.rejects(as({ kind: kind('pods'), verb: 'update', subresource: 'status', before: bound('n2'), draft: bound('n2') }), /pods "web" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself/);
  await assert.rejects(as({ kind: kind('pods'), verb: 'update', subresource: 'status', before: bound('n1'), draft: bound('n1', { a: 'b' }) }), /cannot update labels through pod status/);
  await as({ kind: kind('pods'), verb: 'delete', before: bound('n1') });
  await assert.rejects(as({ kind: kind('pods'), verb: 'delete', before: bound('n2') }), /can only delete pods with spec.nodeName set to itself/);
  await assert.rejects(as({ kind: kind('pods'), draft: bound('n1') }), /can only create mirror pods/);
  await assert.rejects(as({ kind: kind('pods'), verb: 'update', before: bound('n1'), draft: bound('n1') }), /can only create and delete mirror pods/);
  await as({ kind: kind('nodes'), verb: 'update', subresource: 'status', before: object('n1'), draft: object('n1') });
  await assert.rejects(as({ kind: kind('nodes'), verb: 'update', before: object('n2'), draft: object('n2') }), /nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"/);
  await assert.rejects(as({ kind: kind('nodes'), verb: 'update', before: object('n1', { spec: {} }), draft: object('n1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }) }), /is not allowed to modify taints/);
  const leaseWorld = world().put(namespaces, '', object('kube-node-lease', { status: {} }));
  await admit({ user: node, kind: kind('leases'), namespace: 'kube-node-lease', draft: object('n1') }, leaseWorld);
  await assert.rejects(admit({ user: node, kind: kind('leases'), namespace: 'kube-node-lease', draft: object('n2') }, leaseWorld), /same name as the requesting node/);
  await assert.rejects(as({ kind: kind('leases'), draft: object('n1') }), /can only access leases in the "kube-node-lease" system namespace/);
});

test('owner references need the right to delete, and to set finalizers', async () => {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u', controller: true, blockOwnerDeletion: true };
  const owned = (references: object[]) => object('c', { metadata: { ownerReferences: references } });
  const ada: UserInfo = { username: 'ada', groups: ['system:authenticated'] };
  const configMaps = kind('configmaps');
  await assert.rejects(admit({ user: ada, kind: configMaps, draft: owned([owner]) }), /configmaps "c" is forbidden: cannot set an ownerRef on a resource you can't delete/);
  await admit({ user: ada, kind: configMaps, verb: 'update', before: owned([owner]), draft: owned([owner]) });
  await admit({ user: identities.controllerManager, kind: configMaps, draft: owned([owner]) });
  await assert.rejects(admit({ kind: configMaps, draft: owned([{ ...owner, kind: 'Nothing' }]) }), /no matches for kind "Nothing" in version "apps\/v1"/);
});

test('what no plug-in cares for costs next to nothing', () => {
  const request = { kind: kind('configmaps'), verb: 'update', namespace: 'default', name: 'c', draft: object('c'), before: object('c'), user: admin, dryRun: false } as AdmissionRequest;
  assert.equal(plugins.some((plugin) => plugin.handles(request)), false);
});

test('RuntimeClass: what a class costs, and where it goes', async () => {
  const at = () => world().put(runtimeClasses, '', object('gvisor', {
    handler: 'runsc', overhead: { podFixed: { cpu: '250m' } }, scheduling: { nodeSelector: { sandbox: 'gvisor' }, tolerations: [{ key: 'sandbox', operator: 'Exists' }] },
  } as Loose));
  const admitted = async (spec: object) => ((await admit({ kind: kind('pods'), draft: pod({ spec: { containers: [], ...spec } }) }, at())) as Pod).spec;
  const spec = await admitted({ runtimeClassName: 'gvisor', nodeSelector: { disk: 'ssd' }, tolerations: [{ key: 'sandbox', operator: 'Equal', value: 'a' }] });
  assert.deepEqual([spec.overhead, spec.nodeSelector], [{ cpu: '250m' }, { disk: 'ssd', sandbox: 'gvisor' }]);
  assert.deepEqual(spec.tolerations!.filter(({ key }) => key === 'sandbox'), [{ key: 'sandbox', operator: 'Exists' }]);
  await assert.rejects(admitted({ runtimeClassName: 'other' }), { code: 403, message: 'pods "web" is forbidden: pod rejected: RuntimeClass "other" not found' });
  await assert.rejects(admitted({ runtimeClassName: 'gvisor', overhead: { cpu: '1' } }), /Pod's Overhead doesn't match RuntimeClass's defined Overhead/);
  await assert.rejects(admitted({ overhead: { cpu: '1' } }), /Pod Overhead set without corresponding RuntimeClass defined Overhead/);
  await assert.rejects(admitted({ runtimeClassName: 'gvisor', nodeSelector: { sandbox: 'other' } }), /conflict: runtimeClass.scheduling.nodeSelector\[sandbox\] = gvisor; pod.spec.nodeSelector\[sandbox\] = other/);
});
