// The roles of upstream's single controllers (system:controller:…), each bound to the service account of its name in kube-system,
// and the Roles of the parts that work in kube-system and kube-public. Programs copy and bind them, so they are here, with
// upstream's rules of 1.36. Peapod's own controllers act under one name and need none of them.
import type { Subject } from '../../api/types.ts';
import type { PolicyRule } from './policy-rule.ts';

type Rule = readonly [apiGroups: string, resources: string, verbs: string, ...resourceNames: string[]];

const read = 'get list watch';
const write = 'create delete get list patch update watch';
const events: Rule = [' events.k8s.io', 'events', 'create patch update'];

/** Words with spaces between them; the group '' stands as nothing before the first space, or alone. */
const controllers: Readonly<Record<string, readonly Rule[]>> = {
  'attachdetach-controller': [['', 'persistentvolumeclaims persistentvolumes', 'list watch'], ['', 'nodes', read], ['', 'nodes/status', 'patch update'], ['', 'pods', 'list watch'], events, ['storage.k8s.io', 'volumeattachments', 'create delete get list watch'], ['storage.k8s.io', 'csidrivers', read], ['storage.k8s.io', 'csinodes', read]],
  'certificate-controller': [
    ['certificates.k8s.io', 'certificatesigningrequests', 'delete get list watch'],
    ['certificates.k8s.io', 'certificatesigningrequests/approval certificatesigningrequests/status', 'update'],
    ['certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kube-apiserver-client-kubelet'],
    ['certificates.k8s.io', 'signers', 'sign', 'kubernetes.io/kube-apiserver-client', 'kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving', 'kubernetes.io/legacy-unknown'],
    ['authorization.k8s.io', 'subjectaccessreviews', 'create'],
    events,
  ],
  'clusterrole-aggregation-controller': [['rbac.authorization.k8s.io', 'clusterroles', 'escalate get list patch update watch']],
  'cronjob-controller': [['batch', 'cronjobs', 'get list update watch'], ['batch', 'jobs', write], ['batch', 'cronjobs/status', 'update'], ['batch', 'cronjobs/finalizers', 'update'], ['', 'pods', 'delete list watch'], events],
  'daemon-set-controller': [['apps extensions', 'daemonsets', read], ['apps extensions', 'daemonsets/status', 'update'], ['apps extensions', 'daemonsets/finalizers', 'update'], ['', 'nodes', 'list watch'], ['', 'pods', 'create delete list patch watch'], ['', 'pods/binding', 'create'], ['apps', 'controllerrevisions', write], events],
  'deployment-controller': [['apps extensions', 'deployments', 'get list update watch'], ['apps extensions', 'deployments/status', 'update'], ['apps extensions', 'deployments/finalizers', 'update'], ['apps extensions', 'replicasets', write], ['', 'pods', 'get list update watch'], events],
  'device-taint-eviction-controller': [['', 'pods', 'delete get list watch'], ['', 'pods/status', 'patch update'], ['resource.k8s.io', 'resourceclaims', read], ['resource.k8s.io', 'resourceslices', read], ['resource.k8s.io', 'deviceclasses', read], events],
  'disruption-controller': [['apps extensions', 'deployments', read], ['apps extensions', 'replicasets', read], ['', 'replicationcontrollers', read], ['policy', 'poddisruptionbudgets', read], ['apps', 'statefulsets', read], ['policy', 'poddisruptionbudgets/status', 'update'], ['', 'pods/status', 'patch update'], ['*', '*/scale', 'get'], events],
  'endpoint-controller': [['', 'pods services', read], ['', 'endpoints', 'create delete get list update watch'], ['', 'endpoints/restricted', 'create'], events],
  'endpointslice-controller': [['', 'nodes pods services', read], ['', 'services/finalizers', 'update'], ['discovery.k8s.io', 'endpointslices', 'create delete get list update watch'], events],
  'endpointslicemirroring-controller': [['', 'endpoints services', read], ['', 'services/finalizers', 'update'], ['', 'endpoints/finalizers', 'update'], ['discovery.k8s.io', 'endpointslices', 'create delete get list update watch'], events],
  'ephemeral-volume-controller': [['', 'pods', read], ['', 'pods/finalizers', 'update'], ['', 'persistentvolumeclaims', 'create get list watch'], events],
  'expand-controller': [['', 'persistentvolumes', 'get list patch update watch'], ['', 'persistentvolumeclaims/status', 'patch update'], ['', 'persistentvolumeclaims', read], events],
  'generic-garbage-collector': [['*', '*', 'delete get list patch update watch'], events],
  'horizontal-pod-autoscaler': [
    ['autoscaling', 'horizontalpodautoscalers', read],
    ['autoscaling', 'horizontalpodautoscalers/status', 'update'],
    ['*', '*/scale', 'get update'],
    ['', 'pods', 'list watch'],
    ['metrics.k8s.io', 'pods', 'list watch'],
    ['custom.metrics.k8s.io', '*', read],
    ['external.metrics.k8s.io', '*', read],
    events,
  ],
  'job-controller': [['batch', 'jobs', 'get list patch update watch'], ['batch', 'jobs/status', 'update'], ['batch', 'jobs/finalizers', 'update'], ['', 'pods', 'create delete list patch watch'], events],
  'legacy-service-account-token-cleaner': [['', 'configmaps', 'get', 'kube-apiserver-legacy-service-account-token-tracking'], ['', 'secrets', 'delete patch']],
  'namespace-controller': [['', 'namespaces', 'delete get list watch'], ['', 'namespaces/finalize namespaces/status', 'update'], ['*', '*', 'delete deletecollection get list watch']],
  'node-controller': [['', 'nodes', 'delete get list patch update watch'], ['', 'nodes/status', 'patch update'], ['', 'pods/status', 'patch update'], ['', 'pods', 'delete get list watch'], events],
  'persistent-volume-binder': [
    ['', 'persistentvolumes', 'create delete get list update watch'],
    ['', 'persistentvolumes/status', 'update'],
    ['', 'persistentvolumeclaims', 'get list update watch'],
    ['', 'persistentvolumeclaims/status', 'update'],
    ['', 'pods', 'create delete get list watch'],
    ['storage.k8s.io', 'storageclasses', read],
    ['', 'nodes', 'list watch'],
    events,
    ['', 'events', 'watch'],
  ],
  'pod-garbage-collector': [['', 'pods', 'delete list watch'], ['', 'nodes', read], ['', 'pods/status', 'patch']],
  'pv-protection-controller': [['', 'persistentvolumes', 'get list update watch'], events],
  'pvc-protection-controller': [['', 'persistentvolumeclaims', 'get list update watch'], ['', 'persistentvolumeclaims/status', 'update'], ['', 'pods', read], events],
  'replicaset-controller': [['apps extensions', 'replicasets', 'get list update watch'], ['apps extensions', 'replicasets/status', 'update'], ['apps extensions', 'replicasets/finalizers', 'update'], ['', 'pods', 'create delete list patch watch'], events],
  'replication-controller': [['', 'replicationcontrollers', 'get list update watch'], ['', 'replicationcontrollers/status', 'update'], ['', 'replicationcontrollers/finalizers', 'update'], ['', 'pods', 'create delete list patch watch'], events],
  'resource-claim-controller': [
    ['', 'pods', read],
    ['', 'pods/finalizers', 'update'],
    ['resource.k8s.io', 'resourceclaims', 'create delete get list watch'],
    ['resource.k8s.io', 'resourceclaims resourceclaims/status', 'patch update'],
    ['', 'pods/status', 'patch update'],
    events,
    ['resource.k8s.io', 'resourceclaims/binding', 'patch update'],
  ],
  'resourcequota-controller': [['*', '*', 'list watch'], ['', 'resourcequotas/status', 'update'], events],
  'root-ca-cert-publisher': [['', 'configmaps', 'create update'], events],
  'route-controller': [['', 'nodes', 'list watch'], ['', 'nodes/status', 'patch'], events],
  'selinux-warning-controller': [events, ['', 'persistentvolumes', read], ['', 'persistentvolumeclaims', read], ['', 'pods', read], ['storage.k8s.io', 'csidrivers', read]],
  'service-account-controller': [['', 'serviceaccounts', 'create'], events],
  'service-cidrs-controller': [['networking.k8s.io', 'servicecidrs', 'get list patch update watch'], ['networking.k8s.io', 'servicecidrs/finalizers', 'patch update'], ['networking.k8s.io', 'servicecidrs/status', 'patch update'], ['networking.k8s.io', 'ipaddresses', read], events],
  'service-controller': [['', 'services', read], ['', 'services/status', 'patch update'], ['', 'nodes', 'list watch'], events],
  'statefulset-controller': [
    ['', 'pods', 'list watch'],
    ['apps', 'statefulsets', read],
    ['apps', 'statefulsets/status', 'update'],
    ['apps', 'statefulsets/finalizers', 'update'],
    ['', 'pods', 'create delete get patch update'],
    ['apps', 'controllerrevisions', write],
    ['', 'persistentvolumeclaims', 'create get list watch'],
    ['', 'persistentvolumeclaims', 'delete update'],
    ['', 'pods/finalizers', 'update'],
    events,
  ],
  'ttl-after-finished-controller': [['batch', 'jobs', 'delete get list watch'], events],
  'ttl-controller': [['', 'nodes', 'list patch update watch'], events],
  'validatingadmissionpolicy-status-controller': [['admissionregistration.k8s.io', 'validatingadmissionpolicies', read], ['admissionregistration.k8s.io', 'validatingadmissionpolicies/status', 'get patch update'], events],
  'volumeattributesclass-protection-controller': [['', 'persistentvolumeclaims', read], ['', 'persistentvolumes', read], ['storage.k8s.io', 'volumeattributesclasses', 'get list update watch'], events],
};

const lead: readonly Rule[] = [['coordination.k8s.io', 'leases', 'create get list update watch'], ['coordination.k8s.io', 'leasecandidates', 'create get list update watch']];

export interface NamespacedRole {
  readonly namespace: string;
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  /** To whom it is given, and under which name of the binding. */
  readonly binding: { readonly name: string; readonly subjects: readonly Subject[] };
}

const account = (name: string): Subject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });
const user = (name: string): Subject => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name });
const role = (namespace: string, name: string, rules: readonly Rule[], subjects: readonly Subject[], bindingName = name): NamespacedRole => ({ namespace, name, rules: rules.map(ruleOf), binding: { name: bindingName, subjects } });

export const controllerRoles = Object.entries(controllers).map(([name, rules]) => ({ name: `system:controller:${name}`, rules: rules.map(ruleOf), account: account(name) }));

export const namespacedRoles: readonly NamespacedRole[] = [
  role('kube-public', 'system:controller:bootstrap-signer', [['', 'configmaps', read], ['', 'configmaps', 'update', 'cluster-info'], events], [account('bootstrap-signer')]),
  role('kube-system', 'extension-apiserver-authentication-reader', [['', 'configmaps', read, 'extension-apiserver-authentication']], [user('system:kube-controller-manager'), user('system:kube-scheduler')], 'system::extension-apiserver-authentication-reader'),
  role('kube-system', 'system::leader-locking-kube-controller-manager', lead, [user('system:kube-controller-manager'), account('kube-controller-manager'), account('leader-election-controller')]),
  role('kube-system', 'system::leader-locking-kube-scheduler', lead, [user('system:kube-scheduler'), account('kube-scheduler')]),
  role('kube-system', 'system:controller:bootstrap-signer', [['', 'secrets', read]], [account('bootstrap-signer')]),
  role('kube-system', 'system:controller:cloud-provider', [['', 'configmaps', 'create get list watch']], [account('cloud-provider')]),
  role('kube-system', 'system:controller:token-cleaner', [['', 'secrets', 'delete get list watch'], events], [account('token-cleaner')]),
];

function ruleOf([apiGroups, resources, verbs, ...resourceNames]: Rule): PolicyRule {
  return { apiGroups: apiGroups.split(' '), ...(resourceNames.length > 0 ? { resourceNames } : {}), resources: resources.split(' '), verbs: verbs.split(' ') };
}
