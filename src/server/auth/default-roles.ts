// The ClusterRoles that every cluster has, and to whom they are given, by upstream's names. Those of upstream's single
// controllers are in controller-roles.ts.
import type { Subject } from '../../api/types.ts';
import { everything, type PolicyRule } from './policy-rule.ts';

/** By this name of a certificate nodes know the API server. */
export const kubeletClientName = 'kube-apiserver-kubelet-client';

export interface DefaultRole {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Absent: its rules are gathered from the ClusterRoles with this label. */
  readonly rules?: readonly PolicyRule[];
  readonly aggregates?: string;
}

export interface DefaultBinding {
  /** Of the binding, and of its ClusterRole unless `role` names that. */
  readonly name: string;
  readonly role?: string;
  readonly subjects: readonly Subject[];
}

const core = [''];
const all = ['*'];
const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const authentication = ['authentication.k8s.io'];
const authorization = ['authorization.k8s.io'];
const certificates = ['certificates.k8s.io'];
const coordination = ['coordination.k8s.io'];
const storage = ['storage.k8s.io'];

const on = (apiGroups: readonly string[], resources: readonly string[], verbs: readonly string[], ...resourceNames: string[]): PolicyRule => ({ apiGroups, ...(resourceNames.length > 0 ? { resourceNames } : {}), resources, verbs });
const at = (...nonResourceURLs: string[]): PolicyRule => ({ nonResourceURLs, verbs: ['get'] });

const recordEvents = on(['', 'events.k8s.io'], ['events'], ['create', 'patch', 'update']);
const review = [on(authentication, ['tokenreviews'], ['create']), on(authorization, ['subjectaccessreviews'], ['create'])];
const leadAs = (name: string) => [on(coordination, ['leases'], ['create']), on(coordination, ['leases'], ['get', 'update'], name)];
const streams = ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'];

const aggregateTo = 'rbac.authorization.k8s.io/aggregate-to-';
const joins = (role: string) => ({ [aggregateTo + role]: 'true' });

const forUsers: readonly DefaultRole[] = [
  { name: 'cluster-admin', rules: everything },
  { name: 'admin', aggregates: `${aggregateTo}admin` },
  { name: 'edit', aggregates: `${aggregateTo}edit`, labels: joins('admin') },
  { name: 'view', aggregates: `${aggregateTo}view`, labels: joins('edit') },
  {
    name: 'system:aggregate-to-admin',
    labels: joins('admin'),
    rules: [on(authorization, ['localsubjectaccessreviews'], ['create']), on(['rbac.authorization.k8s.io'], ['rolebindings', 'roles'], [...write, ...read])],
  },
  {
    name: 'system:aggregate-to-edit',
    labels: joins('edit'),
    rules: [
      on(core, [...streams, 'secrets', 'services/proxy'], read),
      on(core, ['serviceaccounts'], ['impersonate']),
      on(core, ['pods', ...streams], write),
      on(core, ['pods/eviction'], ['create']),
      on(core, ['configmaps', 'events', 'persistentvolumeclaims', 'replicationcontrollers', 'replicationcontrollers/scale', 'secrets', 'serviceaccounts', 'services', 'services/proxy'], write),
      on(core, ['serviceaccounts/token'], ['create']),
      on(['apps'], ['daemonsets', 'deployments', 'deployments/rollback', 'deployments/scale', 'replicasets', 'replicasets/scale', 'statefulsets', 'statefulsets/scale'], write),
      on(['autoscaling'], ['horizontalpodautoscalers'], write),
      on(['batch'], ['cronjobs', 'jobs'], write),
      on(['extensions'], ['daemonsets', 'deployments', 'deployments/rollback', 'deployments/scale', 'ingresses', 'networkpolicies', 'replicasets', 'replicasets/scale', 'replicationcontrollers/scale'], write),
      on(['policy'], ['poddisruptionbudgets'], write),
      on(['networking.k8s.io'], ['ingresses', 'networkpolicies'], write),
      on(coordination, ['leases'], [...write, ...read]),
      on(['resource.k8s.io'], ['resourceclaims', 'resourceclaimtemplates'], write),
    ],
  },
  {
    name: 'system:aggregate-to-view',
    labels: joins('view'),
    rules: [
      on(core, ['configmaps', 'endpoints', 'persistentvolumeclaims', 'persistentvolumeclaims/status', 'pods', 'replicationcontrollers', 'replicationcontrollers/scale', 'serviceaccounts', 'services', 'services/status'], read),
      on(core, ['bindings', 'events', 'limitranges', 'namespaces/status', 'pods/log', 'pods/status', 'replicationcontrollers/status', 'resourcequotas', 'resourcequotas/status'], read),
      on(core, ['namespaces'], read),
      on(['discovery.k8s.io'], ['endpointslices'], read),
      // Ours: who may see Pods may see what became of them.
      on(['peapod.dev'], ['podtimelines'], read),
      on(['apps'], ['controllerrevisions', 'daemonsets', 'daemonsets/status', 'deployments', 'deployments/scale', 'deployments/status', 'replicasets', 'replicasets/scale', 'replicasets/status', 'statefulsets', 'statefulsets/scale', 'statefulsets/status'], read),
      on(['autoscaling'], ['horizontalpodautoscalers', 'horizontalpodautoscalers/status'], read),
      on(['batch'], ['cronjobs', 'cronjobs/status', 'jobs', 'jobs/status'], read),
      on(['extensions'], ['daemonsets', 'daemonsets/status', 'deployments', 'deployments/scale', 'deployments/status', 'ingresses', 'ingresses/status', 'networkpolicies', 'replicasets', 'replicasets/scale', 'replicasets/status', 'replicationcontrollers/scale'], read),
      on(['policy'], ['poddisruptionbudgets', 'poddisruptionbudgets/status'], read),
      on(['networking.k8s.io'], ['ingresses', 'ingresses/status', 'networkpolicies'], read),
      on(['resource.k8s.io'], ['resourceclaims', 'resourceclaims/status', 'resourceclaimtemplates'], read),
    ],
  },
  { name: 'system:basic-user', rules: [on(authorization, ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']), on(authentication, ['selfsubjectreviews'], ['create'])] },
  { name: 'system:discovery', rules: [at('/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz', '/version', '/version/')] },
  { name: 'system:public-info-viewer', rules: [at('/healthz', '/livez', '/readyz', '/version', '/version/')] },
  { name: 'system:monitoring', rules: [at('/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*')] },
  { name: 'system:service-account-issuer-discovery', rules: [at('/.well-known/openid-configuration', '/.well-known/openid-configuration/', '/openid/v1/jwks', '/openid/v1/jwks/')] },
];

const approver = (name: string, signer: string): DefaultRole => ({ name: `system:certificates.k8s.io:${name}-approver`, rules: [on(certificates, ['signers'], ['approve'], `kubernetes.io/${signer}`)] });

const forParts: readonly DefaultRole[] = [
  { name: 'system:auth-delegator', rules: review },
  { name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient', rules: [on(certificates, ['certificatesigningrequests/nodeclient'], ['create'])] },
  { name: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient', rules: [on(certificates, ['certificatesigningrequests/selfnodeclient'], ['create'])] },
  approver('kube-apiserver-client', 'kube-apiserver-client'),
  approver('kube-apiserver-client-kubelet', 'kube-apiserver-client-kubelet'),
  approver('kubelet-serving', 'kubelet-serving'),
  approver('legacy-unknown', 'legacy-unknown'),
  { name: 'system:heapster', rules: [on(core, ['events', 'namespaces', 'nodes', 'pods'], read), on(['extensions'], ['deployments'], read)] },
  { name: 'system:kube-aggregator', rules: [on(core, ['endpoints', 'services'], read)] },
  {
    name: 'system:kube-controller-manager',
    rules: [
      recordEvents,
      ...leadAs('kube-controller-manager'),
      on(core, ['secrets', 'serviceaccounts'], ['create']),
      on(core, ['secrets'], ['delete']),
      on(core, ['configmaps', 'namespaces', 'secrets', 'serviceaccounts'], ['get']),
      on(core, ['secrets', 'serviceaccounts'], ['update']),
      ...review,
      on(all, all, ['list', 'watch']),
      on(core, ['serviceaccounts/token'], ['create']),
    ],
  },
  { name: 'system:kube-dns', rules: [on(core, ['endpoints', 'services'], ['list', 'watch'])] },
  {
    name: 'system:kube-scheduler',
    rules: [
      recordEvents,
      ...leadAs('kube-scheduler'),
      on(core, ['nodes'], read),
      on(core, ['pods'], ['delete', ...read]),
      on(core, ['bindings', 'pods/binding'], ['create']),
      on(core, ['pods/status'], ['patch', 'update']),
      on(core, ['replicationcontrollers', 'services'], read),
      on(['apps', 'extensions'], ['replicasets'], read),
      on(['apps'], ['statefulsets'], read),
      on(['policy'], ['poddisruptionbudgets'], read),
      on(core, ['persistentvolumeclaims', 'persistentvolumes'], read),
      ...review,
      on(storage, ['csinodes', 'csidrivers', 'csistoragecapacities', 'volumeattachments'], read),
      on(core, ['namespaces'], read),
      on(['resource.k8s.io'], ['deviceclasses', 'resourceclaims', 'resourceslices'], read),
      on(['resource.k8s.io'], ['resourceclaims', 'resourceclaims/status'], ['patch', 'update']),
    ],
  },
  { name: 'system:kubelet-api-admin', rules: [on(core, ['nodes'], read), on(core, ['nodes'], ['proxy']), on(core, ['nodes/log', 'nodes/metrics', 'nodes/proxy', 'nodes/stats'], all)] },
  {
    name: 'system:node',
    rules: [
      on(authentication, ['tokenreviews'], ['create']),
      on(authorization, ['localsubjectaccessreviews', 'subjectaccessreviews'], ['create']),
      on(core, ['services'], read),
      on(core, ['nodes'], ['create', ...read]),
      on(core, ['nodes/status'], ['patch', 'update']),
      on(core, ['nodes'], ['patch', 'update']),
      on(core, ['events'], ['create', 'patch', 'update']),
      on(core, ['pods'], [...read, 'create', 'delete']),
      on(core, ['pods/status'], ['patch', 'update']),
      on(core, ['pods/eviction'], ['create']),
      on(core, ['configmaps', 'secrets'], read),
      on(core, ['persistentvolumeclaims', 'persistentvolumes'], ['get']),
      on(core, ['endpoints'], ['get']),
      on(certificates, ['certificatesigningrequests'], ['create', ...read]),
      on(coordination, ['leases'], ['create', 'delete', 'get', 'patch', 'update']),
      on(storage, ['volumeattachments'], ['get']),
      on(core, ['serviceaccounts/token'], ['create']),
      on(core, ['persistentvolumeclaims/status'], ['get', 'patch', 'update']),
      on(storage, ['csidrivers'], read),
      on(storage, ['csinodes'], ['create', 'delete', 'get', 'patch', 'update']),
      on(['node.k8s.io'], ['runtimeclasses'], read),
      on(['resource.k8s.io'], ['resourceclaims'], ['get']),
      on(['resource.k8s.io'], ['resourceslices'], ['deletecollection']),
    ],
  },
  { name: 'system:node-bootstrapper', rules: [on(certificates, ['certificatesigningrequests'], ['create', ...read])] },
  // As kubeadm has them for machines that join, under a name of our own.
  { name: 'peapod:get-nodes', rules: [on(core, ['nodes'], ['get'])] },
  { name: 'system:node-problem-detector', rules: [on(core, ['nodes'], ['get']), on(core, ['nodes/status'], ['patch']), recordEvents] },
  {
    name: 'system:node-proxier',
    rules: [on(core, ['endpoints', 'services'], ['list', 'watch']), on(core, ['nodes'], read), recordEvents, on(['discovery.k8s.io'], ['endpointslices'], ['list', 'watch']), on(['networking.k8s.io'], ['servicecidrs'], ['list', 'watch'])],
  },
  {
    name: 'system:persistent-volume-provisioner',
    rules: [on(core, ['persistentvolumes'], ['create', 'delete', ...read]), on(core, ['persistentvolumeclaims'], [...read, 'update']), on(storage, ['storageclasses'], read), on(core, ['events'], ['watch']), recordEvents],
  },
  { name: 'system:volume-scheduler', rules: [on(core, ['persistentvolumes'], [...read, 'patch', 'update']), on(storage, ['storageclasses'], read), on(core, ['persistentvolumeclaims'], [...read, 'patch', 'update'])] },
];

export const defaultRoles: readonly DefaultRole[] = [...forUsers, ...forParts];

const of = (kind: 'User' | 'Group') => (name: string): Subject => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
const [user, group] = [of('User'), of('Group')];

export const defaultBindings: readonly DefaultBinding[] = [
  { name: 'cluster-admin', subjects: [group('system:masters')] },
  { name: 'system:monitoring', subjects: [group('system:monitoring')] },
  { name: 'system:discovery', subjects: [group('system:authenticated')] },
  { name: 'system:basic-user', subjects: [group('system:authenticated')] },
  { name: 'system:public-info-viewer', subjects: [group('system:authenticated'), group('system:unauthenticated')] },
  { name: 'system:service-account-issuer-discovery', subjects: [group('system:serviceaccounts')] },
  { name: 'system:node-proxier', subjects: [user('system:kube-proxy')] },
  { name: 'system:kube-controller-manager', subjects: [user('system:kube-controller-manager')] },
  { name: 'system:kube-dns', subjects: [{ kind: 'ServiceAccount', name: 'kube-dns', namespace: 'kube-system' }] },
  { name: 'system:kube-scheduler', subjects: [user('system:kube-scheduler')] },
  { name: 'system:volume-scheduler', subjects: [user('system:kube-scheduler')] },
  // The API server, when it asks a node in another process.
  { name: 'peapod:kubelet-api-admin', role: 'system:kubelet-api-admin', subjects: [user(kubeletClientName)] },
  { name: 'peapod:get-nodes', subjects: [group('system:bootstrappers')] },
  { name: 'peapod:node-bootstrap', role: 'system:node-bootstrapper', subjects: [group('system:bootstrappers')] },
  { name: 'peapod:node-autoapprove-bootstrap', role: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient', subjects: [group('system:bootstrappers')] },
  { name: 'peapod:node-autoapprove-certificate-rotation', role: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient', subjects: [group('system:nodes')] },
  // Nodes have their rights from the authorizer itself.
  { name: 'system:node', subjects: [] },
];
