// What the parts of this process, and nodes, may do with no binding: their work. `system:masters` needs no grant: it may
// do all.
import type { Grant } from './authorize.ts';
import { signerNames } from '../../api/certificates/signers.ts';
import type { PolicyRule } from './policy-rule.ts';

const core = [''];
const apps = ['apps'];
const read = ['get', 'list', 'watch'];
const write = ['create', 'update', 'patch', 'delete'];

const on = (apiGroups: readonly string[], resources: readonly string[], verbs: readonly string[], resourceNames?: readonly string[]): PolicyRule => ({ verbs, apiGroups, resources, resourceNames });

const recordEvents: PolicyRule = on(['', 'events.k8s.io'], ['events'], ['create', 'update', 'patch']);
const electLeader: PolicyRule = on(['coordination.k8s.io'], ['leases'], ['create', 'get', 'list', 'watch', 'update']);

/** system:kube-scheduler */
const scheduler: PolicyRule[] = [
  recordEvents,
  electLeader,
  on(core, ['nodes', 'namespaces'], read),
  on(core, ['pods'], [...read, 'delete']),
  on(core, ['bindings', 'pods/binding'], ['create']),
  on(core, ['pods/status'], ['patch', 'update']),
  on(core, ['replicationcontrollers', 'services'], read),
  on(apps, ['replicasets', 'statefulsets'], read),
  on(['policy'], ['poddisruptionbudgets'], read),
  on(core, ['persistentvolumeclaims', 'persistentvolumes'], [...read, 'patch', 'update']),
  on(['storage.k8s.io'], ['csinodes', 'csidrivers', 'csistoragecapacities', 'storageclasses', 'volumeattachments'], read),
  on(['resource.k8s.io'], ['resourceclaims', 'resourceslices', 'deviceclasses'], read),
  on(['resource.k8s.io'], ['resourceclaims', 'resourceclaims/status'], ['patch', 'update']),
];

/** system:kube-controller-manager, with the roles system:controller:… of the controllers that act under its name. */
const controllers: PolicyRule[] = [
  recordEvents,
  electLeader,
  // generic-garbage-collector and namespace-controller
  on(['*'], ['*'], [...read, 'update', 'patch', 'delete', 'deletecollection']),
  on(core, ['namespaces/finalize', 'namespaces/status'], ['update']),
  // replication-, replicaset-, statefulset-, daemon-set- and job-controller
  on(core, ['pods'], write),
  on(core, ['pods/binding'], ['create']),
  on(apps, ['replicasets', 'controllerrevisions'], write),
  on(['batch'], ['jobs'], write),
  on(['*'], ['*/status', '*/scale', '*/finalizers'], ['get', 'update', 'patch']),
  on(core, ['persistentvolumeclaims', 'persistentvolumes'], write),
  // endpoint- and endpointslice-controller
  on(core, ['endpoints', 'endpoints/restricted'], write),
  on(['discovery.k8s.io'], ['endpointslices', 'endpointslices/restricted'], write),
  // service-account-controller, root-ca-cert-publisher
  on(core, ['serviceaccounts', 'secrets', 'configmaps'], ['create', 'update']),
  on(core, ['serviceaccounts/token'], ['create']),
  // taint-eviction-controller, disruption-controller
  on(core, ['pods/eviction'], ['create']),
  on(['authentication.k8s.io'], ['tokenreviews'], ['create']),
  on(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
  // certificate-controller
  on(['certificates.k8s.io'], ['certificatesigningrequests/approval'], ['update']),
  on(['certificates.k8s.io'], ['signers'], ['approve', 'sign'], Object.values(signerNames)),
  // bootstrap-signer and token-cleaner
  on(core, ['secrets'], ['delete']),
  // clusterrole-aggregation-controller
  on(['rbac.authorization.k8s.io'], ['clusterroles'], ['escalate']),
];

/** What NetworkPolicies need, which each node enforces on its own Pods. */
const traffic: PolicyRule[] = [
  on(['networking.k8s.io'], ['networkpolicies'], ['list', 'watch']),
  on(core, ['pods', 'namespaces'], ['list', 'watch']),
  on(['discovery.k8s.io'], ['endpointslices'], ['list', 'watch']),
];

/** system:node, but for what is one node's or another's: that is for nodeRefusal to say. */
const node: PolicyRule[] = [
  recordEvents,
  on(core, ['services'], read),
  on(['storage.k8s.io'], ['csidrivers', 'storageclasses'], read),
  on(['node.k8s.io'], ['runtimeclasses'], read),
  on(['certificates.k8s.io'], ['certificatesigningrequests'], ['create', ...read]),
  on(['authentication.k8s.io'], ['tokenreviews'], ['create']),
  on(['authorization.k8s.io'], ['subjectaccessreviews', 'localsubjectaccessreviews'], ['create']),
  // The Service proxy and the NetworkPolicies of a node that has joined must know of all Pods and nodes: they act as what they are.
  on(core, ['users'], ['impersonate'], ['system:kube-proxy']),
];

/** system:node-proxier, and who may speak to whom. */
const proxy: PolicyRule[] = [
  recordEvents,
  on(core, ['services', 'endpoints'], ['list', 'watch']),
  on(core, ['nodes'], read),
  on(['discovery.k8s.io'], ['endpointslices'], ['list', 'watch']),
  on(['networking.k8s.io'], ['servicecidrs'], ['list', 'watch']),
  ...traffic,
];

/** system:coredns, as kubeadm writes it. */
const dns: PolicyRule[] = [
  on(core, ['services', 'endpoints', 'pods', 'namespaces'], ['list', 'watch']),
  on(core, ['nodes'], ['get']),
  on(['discovery.k8s.io'], ['endpointslices'], ['list', 'watch']),
];

/** system:ingress-controller, with what the common ones ask for. */
const ingress: PolicyRule[] = [
  recordEvents,
  on(core, ['services', 'secrets', 'nodes'], read),
  on(['discovery.k8s.io'], ['endpointslices'], read),
  on(['networking.k8s.io'], ['ingresses', 'ingressclasses'], read),
  on(['networking.k8s.io'], ['ingresses/status'], ['update', 'patch']),
];

export const ownGrants: readonly Grant[] = [
  { users: ['system:kube-scheduler'], rules: scheduler },
  { users: ['system:kube-controller-manager'], rules: controllers },
  { groups: ['system:nodes'], rules: node },
  { users: ['system:kube-proxy'], rules: proxy },
  { users: ['system:coredns'], rules: dns },
  { users: ['system:ingress-controller'], rules: ingress },
];
