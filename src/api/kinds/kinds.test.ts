import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime } from '../../base/clock.ts';
import type { Kind, WriteContext } from '../kind.ts';
import type { Deployment, KubeObject, Namespace, Node, Service } from '../types.ts';
import { configMaps, daemonSets, deployments, endpoints, endpointSlices, events, kindOf, kinds, leases, namespaces, nodes, podDisruptionBudgets, priorityClasses, replicaSets, replicationControllers, runtimeClasses, secrets, serviceAccounts, services, statefulSets, cronJobs, jobs } from './index.ts';
import { validateMetadata, validateMetadataUpdate } from './validation/metadata.ts';

type Fields = Record<string, unknown>;
const context: WriteContext = { nowMs: 0, uuid: () => '', user: { username: '', groups: [] } };
const nowMs = parseTime('2026-01-01T01:00:00Z');
const metadata = { name: 'x', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' };

/** An object as it stands after a create. */
function created<T extends KubeObject>(kind: Kind<T>, fields: Fields): T {
  const { namespace, ...clusterWide } = metadata;
  const own = { metadata: kind.namespaced ? { namespace, ...clusterWide } : clusterWide };
  const object = structuredClone({ ...own, ...fields }) as unknown as T;
  kind.prepareCreate?.(object, context);
  kind.defaults?.(object);
  return object;
}

function wrong<T extends KubeObject>(kind: Kind<T>, fields: Fields): string[] {
  const object = created(kind, fields);
  return [...validateMetadata(kind as unknown as Kind, object), ...(kind.validate?.(object) ?? [])].map((cause) => `${cause.field}: ${cause.message}`);
}

function wrongUpdate<T extends KubeObject>(kind: Kind<T>, before: Fields, after: Fields): string[] {
  const old = created(kind, before);
  const object = structuredClone({ ...old, ...after });
  kind.defaults?.(object);
  kind.prepareUpdate?.(object, old, context);
  return (kind.validateUpdate?.(object, old) ?? []).map((cause) => `${cause.field}: ${cause.message}`);
}

function cells<T extends KubeObject>(kind: Kind<T>, object: T): unknown[] {
  return kind.columns!.map(({ cell }) => cell(object, nowMs));
}

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
const workload = { spec: { selector: { matchLabels: { app: 'web' } }, template } };
const port = { port: 80 };

test('the kinds and their names', () => {
  const listed = kinds.map(({ group, plural, singular, kind, shortNames, namespaced }) => `${group}/${plural} ${singular} ${kind} ${shortNames.join()} ${namespaced}`);
  assert.deepEqual(listed, [
    '/configmaps configmap ConfigMap cm true',
    '/endpoints endpoints Endpoints ep true',
    '/events event Event ev true',
    '/limitranges limitrange LimitRange limits true',
    '/namespaces namespace Namespace ns false',
    '/nodes node Node no false',
    '/persistentvolumeclaims persistentvolumeclaim PersistentVolumeClaim pvc true',
    '/persistentvolumes persistentvolume PersistentVolume pv false',
    '/podtemplates podtemplate PodTemplate  true',
    '/pods pod Pod po true',
    '/replicationcontrollers replicationcontroller ReplicationController rc true',
    '/resourcequotas resourcequota ResourceQuota quota true',
    '/secrets secret Secret  true',
    '/serviceaccounts serviceaccount ServiceAccount sa true',
    '/services service Service svc true',
    'apps/controllerrevisions controllerrevision ControllerRevision  true',
    'apps/daemonsets daemonset DaemonSet ds true',
    'apps/deployments deployment Deployment deploy true',
    'apps/replicasets replicaset ReplicaSet rs true',
    'apps/statefulsets statefulset StatefulSet sts true',
    'autoscaling/horizontalpodautoscalers horizontalpodautoscaler HorizontalPodAutoscaler hpa true',
    'batch/cronjobs cronjob CronJob cj true',
    'batch/jobs job Job  true',
    'certificates.k8s.io/certificatesigningrequests certificatesigningrequest CertificateSigningRequest csr false',
    'coordination.k8s.io/leases lease Lease  true',
    'discovery.k8s.io/endpointslices endpointslice EndpointSlice  true',
    'networking.k8s.io/ingressclasses ingressclass IngressClass  false',
    'networking.k8s.io/ingresses ingress Ingress ing true',
    'networking.k8s.io/networkpolicies networkpolicy NetworkPolicy netpol true',
    'node.k8s.io/runtimeclasses runtimeclass RuntimeClass  false',
    'policy/poddisruptionbudgets poddisruptionbudget PodDisruptionBudget pdb true',
    'scheduling.k8s.io/priorityclasses priorityclass PriorityClass pc false',
    'storage.k8s.io/csidrivers csidriver CSIDriver  false',
    'storage.k8s.io/csinodes csinode CSINode  false',
    'storage.k8s.io/storageclasses storageclass StorageClass sc false',
    'storage.k8s.io/volumeattachments volumeattachment VolumeAttachment  false',
    'rbac.authorization.k8s.io/clusterrolebindings clusterrolebinding ClusterRoleBinding  false',
    'rbac.authorization.k8s.io/clusterroles clusterrole ClusterRole  false',
    'rbac.authorization.k8s.io/rolebindings rolebinding RoleBinding  true',
    'rbac.authorization.k8s.io/roles role Role  true',
    'apiextensions.k8s.io/customresourcedefinitions customresourcedefinition CustomResourceDefinition crd,crds false',
    'apiregistration.k8s.io/apiservices apiservice APIService  false',
    'admissionregistration.k8s.io/mutatingwebhookconfigurations mutatingwebhookconfiguration MutatingWebhookConfiguration  false',
    'admissionregistration.k8s.io/validatingwebhookconfigurations validatingwebhookconfiguration ValidatingWebhookConfiguration  false',
    'admissionregistration.k8s.io/mutatingadmissionpolicies mutatingadmissionpolicy MutatingAdmissionPolicy  false',
    'admissionregistration.k8s.io/mutatingadmissionpolicybindings mutatingadmissionpolicybinding MutatingAdmissionPolicyBinding  false',
    'admissionregistration.k8s.io/validatingadmissionpolicies validatingadmissionpolicy ValidatingAdmissionPolicy  false',
    'admissionregistration.k8s.io/validatingadmissionpolicybindings validatingadmissionpolicybinding ValidatingAdmissionPolicyBinding  false',
    'networking.k8s.io/ipaddresses ipaddress IPAddress ip false',
    'networking.k8s.io/servicecidrs servicecidr ServiceCIDR  false',
    'storage.k8s.io/csistoragecapacities csistoragecapacity CSIStorageCapacity  true',
    'storage.k8s.io/volumeattributesclasses volumeattributesclass VolumeAttributesClass vac false',
    'flowcontrol.apiserver.k8s.io/flowschemas flowschema FlowSchema  false',
    'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations prioritylevelconfiguration PriorityLevelConfiguration  false',
    'resource.k8s.io/deviceclasses deviceclass DeviceClass  false',
    'resource.k8s.io/resourceclaims resourceclaim ResourceClaim  true',
    'resource.k8s.io/resourceclaimtemplates resourceclaimtemplate ResourceClaimTemplate  true',
    'resource.k8s.io/resourceslices resourceslice ResourceSlice  false',
  ]);
  assert.equal(kindOf({ group: 'apps', version: 'v1', plural: 'deployments' }), deployments as unknown as Kind);
  assert.equal(kindOf({ group: '', version: 'v1', plural: 'deployments' }), undefined);
  assert.equal(leases.schemaName, 'io.k8s.api.coordination.v1.Lease');
  for (const kind of kinds) assert.equal(kind.columns!.filter(({ name }) => name === 'Name').length, 1, kind.kind);
});

const refused: readonly (readonly [kind: Kind<never>, fields: Fields, causes: string[]])[] = [
  [statefulSets, workload, []],
  [jobs, { metadata: { ...metadata, uid: 'u' }, spec: { selector: {}, template, manualSelector: true } }, ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']],
  [cronJobs, { spec: { schedule: '* * *', timeZone: 'Mars/Base', concurrencyPolicy: 'Odd', jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } } } }, ['spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]', 'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base', 'spec.concurrencyPolicy: Unsupported value: "Odd": supported values: "Allow", "Forbid", "Replace"']],
  [statefulSets, { spec: { ...workload.spec, podManagementPolicy: 'Odd', updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } } }, ['spec.podManagementPolicy: Invalid value: "Odd": must be \'OrderedReady\' or \'Parallel\'', 'spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy \'RollingUpdate\'']],
  [statefulSets, { spec: { ...workload.spec, updateStrategy: { rollingUpdate: { partition: -1, maxUnavailable: 0 } }, ordinals: { start: -1 } } }, ['spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0', 'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0', 'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0']],
  [services, { spec: {} }, ['spec.ports: Required value']],
  [services, { metadata: { ...metadata, name: '1st' }, spec: { ports: [port] } }, ["metadata.name: Invalid value: \"1st\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"]],
  [services, { spec: { ports: [{ port: 0 }] } }, ['spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive', 'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive']],
  [services, { spec: { ports: [port, { port: 81 }] } }, ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value']],
  [services, { spec: { ports: [{ ...port, nodePort: 30000 }] } }, ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]],
  [services, { spec: { type: 'Magic', ports: [port] } }, ['spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"']],
  [services, { spec: { type: 'ExternalName' } }, ['spec.externalName: Required value']],
  [services, { spec: { clusterIP: 'None', type: 'NodePort', ports: [port] } }, ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"]],
  [services, { spec: { clusterIP: 'ten', ports: [port] } }, ['spec.clusterIPs[0]: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
  [services, { spec: { externalIPs: ['127.0.0.1'], ports: [port] } }, ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)']],
  [deployments, { spec: { template } }, ['spec.selector: Required value']],
  [daemonSets, { spec: { selector: {}, template } }, ['spec.selector: Invalid value: {}: empty selector is invalid for daemonset']],
  [daemonSets, { spec: { ...workload.spec, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } } } }, ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0']],
  [daemonSets, { spec: { ...workload.spec, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '10%' } } } }, ['spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero']],
  [deployments, { spec: { selector: {}, template } }, ['spec.selector: Invalid value: {}: empty selector is invalid for deployment']],
  [deployments, { spec: { ...workload.spec, selector: { matchLabels: { app: 'api' } } } }, ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`']],
  [deployments, { spec: { ...workload.spec, replicas: -1 } }, ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
  [deployments, { spec: { ...workload.spec, strategy: { type: 'Recreate', rollingUpdate: {} } } }, ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"]],
  [deployments, { spec: { ...workload.spec, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } } }, ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0']],
  [deployments, { spec: { ...workload.spec, minReadySeconds: 600 } }, ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds']],
  [replicaSets, { spec: { selector: workload.spec.selector } }, ['spec.template: Required value']],
  [replicaSets, { spec: { ...workload.spec, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } } }, ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"']],
  [replicationControllers, { spec: { selector: { app: 'api' }, template } }, ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`']],
  [replicationControllers, { spec: {} }, ['spec.selector: Required value', 'spec.template: Required value']],
  [configMaps, { data: { '..': 'x' } }, ["data[..]: Invalid value: \"..\": must not be '..'"]],
  [configMaps, { data: { a: 'x' }, binaryData: { a: 'eA==' } }, ['data[a]: Invalid value: "a": duplicate of key present in binaryData']],
  [configMaps, { data: { a: 'x'.repeat(1024 * 1024 + 1) } }, [': Too long: must have at most 1048576 bytes']],
  [secrets, { data: { a: '%' } }, ['data[a]: Invalid value: "<contents redacted>": illegal base64 data at input byte 0']],
  [secrets, { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }, ['data[tls.key]: Required value']],
  [secrets, { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '{' } }, ["data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": Expected property name or '}' in JSON at position 1 (line 1 column 2)"]],
  [leases, { spec: { leaseDurationSeconds: 0 } }, ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0']],
  [events, { involvedObject: { namespace: 'other' } }, ['involvedObject.namespace: Invalid value: "other": does not match event.namespace']],
  [endpoints, { subsets: [{ addresses: [{ ip: '1.2.3.4' }], ports: [{ port: 0 }] }] }, ['subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive']],
  [endpoints, { subsets: [{}] }, ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`']],
  [endpointSlices, { endpoints: [] }, ['addressType: Required value']],
  [endpointSlices, { addressType: 'IPv4', endpoints: [{ addresses: [] }] }, ['endpoints[0].addresses: Required value: must contain at least 1 address']],
  [nodes, { spec: { taints: [{ key: 'k', effect: 'Nope' }] } }, ['metadata.taints[0].effect: Unsupported value: "Nope": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"']],
  [nodes, { spec: { podCIDR: '10.0.0.0/33' } }, ['spec.podCIDRs[0]: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']],
  [namespaces, { metadata: { name: 'a.b' } }, ['metadata.name: Invalid value: "a.b": must not contain dots']],
  [namespaces, { metadata: { name: 'a', namespace: 'b' } }, ['metadata.namespace: Forbidden: not allowed on this type']],
] as never;

test('objects that are refused', () => {
  for (const [kind, fields, causes] of refused) assert.deepEqual(wrong(kind, fields), causes, `${kind.kind} ${JSON.stringify(fields).slice(0, 200)}`);
});

const accepted: readonly (readonly [kind: Kind<never>, fields: Fields])[] = [
  [services, { spec: { ports: [port], selector: { app: 'web' } } }],
  [services, { spec: { clusterIP: 'None' } }],
  [services, { spec: { type: 'ExternalName', externalName: 'example.com.' } }],
  [services, { spec: { type: 'NodePort', ports: [{ name: 'a', port: 53, protocol: 'UDP' }, { name: 'b', port: 53 }] } }],
  [services, { spec: { type: 'LoadBalancer', ports: [port], sessionAffinity: 'ClientIP' } }],
  [deployments, workload],
  [deployments, { spec: { ...workload.spec, replicas: 0, strategy: { type: 'Recreate' } } }],
  [deployments, { spec: { ...workload.spec, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } } }],
  [replicaSets, workload],
  [replicationControllers, { spec: { template } }],
  [configMaps, { data: { 'a.b_c-d': '' } }],
  [secrets, { stringData: { a: 'b' } }],
  [secrets, { type: 'example.com/own', data: { a: 'YQ==' } }],
  [serviceAccounts, {}],
  [leases, { spec: { holderIdentity: 'me', leaseDurationSeconds: 40 } }],
  [events, { involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' } }],
  [endpoints, { subsets: [{ addresses: [{ ip: '10.0.0.1', nodeName: 'n' }], ports: [{ port: 80 }] }] }],
  [endpointSlices, { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] }],
  [nodes, { spec: { podCIDR: '10.0.0.0/24' }, status: { capacity: { cpu: '4', memory: '8Gi', pods: '110' } } }],
  [namespaces, {}],
] as never;

test('objects that are accepted', () => {
  for (const [kind, fields] of accepted) assert.deepEqual(wrong(kind, fields), [], `${kind.kind} ${JSON.stringify(fields)}`);
});

test('what may not change', () => {
  assert.deepEqual(wrongUpdate(configMaps, { immutable: true, data: { a: '1' } }, { data: { a: '2' } }), ['data: Forbidden: field is immutable when `immutable` is set']);
  assert.deepEqual(wrongUpdate(secrets, {}, { type: 'other' }), ['type: Invalid value: "other": field is immutable']);
  assert.deepEqual(wrongUpdate(deployments, workload, { spec: { ...workload.spec, selector: { matchLabels: { a: 'b' } } } }), ['spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable']);
  assert.deepEqual(wrongUpdate(services, { spec: { clusterIP: '10.0.0.1', ports: [port] } }, { spec: { clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2'], ports: [port] } }), ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set']);
  assert.deepEqual(wrongUpdate(nodes, { spec: { podCIDR: '10.0.0.0/24' } }, { spec: { podCIDR: '10.0.1.0/24' } }), ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid']);
  assert.deepEqual(wrongUpdate(endpointSlices, { addressType: 'IPv4' }, { addressType: 'IPv6' }), ['addressType: Invalid value: "IPv6": field is immutable']);

  const before = { metadata: { ...metadata, uid: 'u', finalizers: ['a.b/c'], deletionTimestamp: '2026-01-01T00:00:00Z' } } as KubeObject;
  const after = { metadata: { ...before.metadata, name: 'y', finalizers: ['a.b/c', 'a.b/d'] } };
  assert.deepEqual(validateMetadataUpdate(configMaps as unknown as Kind, after, before).map(({ field, message }) => `${field}: ${message}`), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.b/d"}',
    'metadata.name: Invalid value: "y": field is immutable',
  ]);
});

test('defaults of a Service', () => {
  assert.deepEqual(created(services, { spec: { type: 'NodePort', ports: [port, { port: 53, protocol: 'UDP', targetPort: 'dns' }] } }).spec, {
    type: 'NodePort',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }, { port: 53, protocol: 'UDP', targetPort: 'dns' }],
    sessionAffinity: 'None',
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
  });
});

test('defaults of workloads', () => {
  const { spec } = created<Deployment>(deployments, workload);
  assert.equal(spec.replicas, 1);
  assert.deepEqual(spec.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } });
  assert.equal(spec.revisionHistoryLimit, 10);
  assert.equal(spec.progressDeadlineSeconds, 600);
  assert.equal(spec.template.spec?.restartPolicy, 'Always');
  assert.equal(spec.template.spec?.enableServiceLinks, undefined);
  const controller = created(replicationControllers, { spec: { template } });
  assert.deepEqual([controller.spec.selector, controller.metadata.labels, controller.spec.replicas], [{ app: 'web' }, { app: 'web' }, 1]);
});

test('texts of a Secret become data', () => {
  const secret = created(secrets, { data: { a: 'YQ==', b: 'Yg==' }, stringData: { b: 'new' } });
  assert.deepEqual([secret.data, secret.stringData, secret.type], [{ a: 'YQ==', b: 'bmV3' }, undefined, 'Opaque']);
});

test('a Namespace is held until it has been emptied', () => {
  const namespace: Namespace = created(namespaces, {});
  namespaces.prepareNamed!(namespace);
  assert.deepEqual(namespace, { metadata: { ...namespace.metadata, labels: { 'kubernetes.io/metadata.name': 'x' } }, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
  assert.equal(namespaces.heldBy!(namespace), true);
  namespaces.markDeleted!(namespace, context);
  assert.equal(namespace.status.phase, 'Terminating');
  const finalized = namespaces.subresources!.finalize!.write(Object.freeze(namespace), { spec: { finalizers: [] } } as never, context);
  assert.equal(namespaces.heldBy!(finalized), false);
  const updated = structuredClone(namespace);
  updated.spec.finalizers = [];
  namespaces.prepareUpdate!(updated, namespace, context);
  assert.deepEqual(updated.spec.finalizers, ['kubernetes']);
});

test('scale is the same for all workloads', () => {
  for (const kind of [deployments, replicaSets] as unknown as Kind<Deployment>[]) {
    const object = created(kind, workload);
    object.metadata.resourceVersion = '7';
    object.status.replicas = 3;
    const scale = kind.subresources!.scale!;
    assert.deepEqual(scale.read!(object), {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'x', namespace: 'default', uid: undefined, resourceVersion: '7', creationTimestamp: metadata.creationTimestamp },
      spec: { replicas: 1 },
      status: { replicas: 3, selector: 'app=web' },
    });
    assert.equal(scale.write(object, { spec: { replicas: 5 } } as never, context).spec.replicas, 5);
    assert.throws(() => scale.write(object, { spec: { replicas: -1 } } as never, context), { code: 422, message: 'Scale.autoscaling "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0' });
    assert.throws(() => scale.write(object, { metadata: { resourceVersion: '6' }, spec: { replicas: 5 } } as never, context), { code: 409 });
  }
});

test('tables as kubectl get prints them', () => {
  const deployment = created<Deployment>(deployments, workload);
  deployment.status = { readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1 };
  assert.deepEqual(deployments.columns!.map(({ name }) => name), ['Name', 'Ready', 'Up-to-date', 'Available', 'Age', 'Containers', 'Images', 'Selector']);
  assert.deepEqual(cells(deployments, deployment), ['x', '1/1', 1, 1, '60m', 'c', 'i:1', 'app=web']);
  assert.deepEqual(cells(replicaSets, created(replicaSets, workload)), ['x', 1, 0, 0, '60m', 'c', 'i:1', 'app=web']);
  assert.deepEqual(cells(replicationControllers, created(replicationControllers, { spec: { template } })), ['x', 1, 0, 0, '60m', 'c', 'i:1', 'app=web']);

  const service = (spec: Fields, status?: Fields) => cells(services, { ...created<Service>(services, { spec }), ...(status ? { status } : {}) } as Service);
  assert.deepEqual(service({ clusterIP: '10.0.0.1', ports: [port], selector: { a: 'b' } }), ['x', 'ClusterIP', '10.0.0.1', '<none>', '80/TCP', '60m', 'a=b']);
  assert.deepEqual(service({ type: 'NodePort', ports: [{ ...port, nodePort: 30080 }] }), ['x', 'NodePort', '<none>', '<none>', '80:30080/TCP', '60m', '<none>']);
  assert.deepEqual(service({ type: 'LoadBalancer', ports: [port] }).slice(1, 4), ['LoadBalancer', '<none>', '<pending>']);
  assert.deepEqual(service({ type: 'LoadBalancer', ports: [port] }, { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } })[3], '1.2.3.4');
  assert.deepEqual(service({ type: 'ExternalName', externalName: 'a.b' }).slice(1, 5), ['ExternalName', '<none>', 'a.b', '<none>']);

  const node = created<Node>(nodes, {
    metadata: { ...metadata, namespace: undefined, labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' } },
    spec: { unschedulable: true },
    status: { conditions: [{ type: 'Ready', status: 'True' }], addresses: [{ type: 'InternalIP', address: '10.1.0.1' }], nodeInfo: { kubeletVersion: 'v1.36.0', osImage: 'Debian', kernelVersion: '6.1', containerRuntimeVersion: 'containerd://1.7' } },
  });
  assert.deepEqual(cells(nodes, node), ['x', 'Ready,SchedulingDisabled', 'control-plane,worker', '60m', 'v1.36.0', '10.1.0.1', '<none>', 'Debian', '6.1', 'containerd://1.7']);
  assert.deepEqual(cells(nodes, created<Node>(nodes, {})).slice(1, 3), ['Unknown', '<none>']);

  assert.deepEqual(cells(endpoints, created(endpoints, { subsets: [{ addresses: ['1', '2', '3', '4'].map((last) => ({ ip: `10.0.0.${last}` })), ports: [{ port: 80 }] }] })), ['x', '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...', '60m']);
  assert.deepEqual(cells(endpoints, created(endpoints, {})), ['x', '<none>', '60m']);
  assert.deepEqual(cells(endpointSlices, created(endpointSlices, { addressType: 'IPv4', ports: [{ port: 80 }], endpoints: [{ addresses: ['10.0.0.1'] }] })), ['x', 'IPv4', '80', '10.0.0.1', '60m']);
  assert.deepEqual(cells(endpointSlices, created(endpointSlices, { addressType: 'IPv4' })), ['x', 'IPv4', '<unset>', '<unset>', '60m']);
  assert.deepEqual(cells(namespaces, created(namespaces, {})), ['x', 'Active', '60m']);
  assert.deepEqual(cells(configMaps, created(configMaps, { data: { a: '1' }, binaryData: { b: '' } })), ['x', 2, '60m']);
  assert.deepEqual(cells(secrets, created(secrets, { stringData: { a: '1' } })), ['x', 'Opaque', 1, '60m']);
  assert.deepEqual(cells(serviceAccounts, created(serviceAccounts, {})), ['x', 0, '60m']);
  assert.deepEqual(cells(leases, created(leases, { spec: { holderIdentity: 'n1' } })), ['x', 'n1', '60m']);
  const event = created(events, {
    involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{c}' },
    type: 'Normal',
    reason: 'Pulled',
    message: 'Image was there\n',
    source: { component: 'kubelet', host: 'n1' },
    firstTimestamp: '2026-01-01T00:58:00Z',
    lastTimestamp: '2026-01-01T00:59:30Z',
    count: 2,
  });
  assert.deepEqual(cells(events, event), ['30s', 'Normal', 'Pulled', 'pod/web', 'spec.containers{c}', 'kubelet, n1', 'Image was there', '2m', 2, 'x']);
  assert.deepEqual(cells(priorityClasses, created(priorityClasses, { value: 7 })), ['x', 7, false, '60m', 'PreemptLowerPriority']);
  assert.deepEqual(cells(runtimeClasses, created(runtimeClasses, { handler: 'runsc' })), ['x', 'runsc', '60m']);
  assert.deepEqual(cells(podDisruptionBudgets, created(podDisruptionBudgets, { spec: { minAvailable: '50%' } })), ['x', '50%', 'N/A', 0, '60m']);
});

test('priority classes, runtime classes and disruption budgets are checked', () => {
  assert.deepEqual(wrong(priorityClasses, { metadata: { name: 'system-mine' }, value: 1 }), ["metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class"]);
  assert.deepEqual(wrong(priorityClasses, { metadata: { name: 'system-node-critical' }, value: 2_000_001_000 }), []);
  assert.deepEqual(wrong(priorityClasses, { value: 1_000_000_001 }), ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000']);
  assert.deepEqual(wrong(priorityClasses, { preemptionPolicy: 'Maybe' }), ['preemptionPolicy: Unsupported value: "Maybe": supported values: "Never", "PreemptLowerPriority"']);
  assert.deepEqual(wrongUpdate(priorityClasses, { value: 1 }, { value: 2 }), ['value: Forbidden: may not be changed in an update.']);
  assert.match(wrong(runtimeClasses, { handler: 'A' })[0]!, /^handler: Invalid value: "A": a lowercase RFC 1123 label must/);
  assert.deepEqual(wrongUpdate(runtimeClasses, { handler: 'a' }, { handler: 'b' }), ['handler: Invalid value: "b": field is immutable']);
  const budget = (spec: Fields) => wrong(podDisruptionBudgets, { spec });
  assert.deepEqual(budget({ minAvailable: 1, selector: {} }), []);
  assert.match(budget({ minAvailable: 1, maxUnavailable: 1 })[0]!, /minAvailable and maxUnavailable cannot be both set$/);
  assert.deepEqual(budget({ maxUnavailable: '101%' }), ['spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%']);
  assert.deepEqual(budget({ minAvailable: -1 }), ['spec.minAvailable: Invalid value: -1: must be greater than or equal to 0']);
  assert.deepEqual(budget({ unhealthyPodEvictionPolicy: 'Never' }), ['spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"']);
});
