// One object of each kind, as small as it may be. A kind that needs nothing beyond a name needs no line here.
const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const selector = { matchLabels: { app: 'x' } };
const webhook = { name: 'a.example.com', clientConfig: { url: 'https://127.0.0.1:1/' }, sideEffects: 'None', admissionReviewVersions: ['v1'], rules: [] };
/** For the name x. */
const certificateRequest = 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIR01HNENBUUF3RERFS01BZ0dBMVVFQXd3QmVEQlpNQk1HQnlxR1NNNDlBZ0VHQ0NxR1NNNDlBd0VIQTBJQQpCQ3p6aVRCdWVLY1h1YVZULzYvS1Y1aGdQZHFUZDVpaDdEQ1VXM1VQd0hBRlpnSkF0OHliYVpoWGl0Q1d4V21jCmxsSE10MHpadHNhc1o3N3hha3Z2c3pLZ0FEQUtCZ2dxaGtqT1BRUURBZ05JQURCRkFpQkhKbmNJQkQzWWQrRGEKY295TjNKd1JVZXkvbVZqeVRmcVVGc1R1QjZwNGVRSWhBS3NySmRMd0ZUa1RXTWtaSmdUa2pHT3R6bWlkZS9nZwpzV1pHU2pZVDAwZEEKLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==';
const device = { name: 'd' };

const samples: Readonly<Record<string, { readonly name?: string } & Record<string, unknown>>> = {
  Binding: {},
  APIService: { name: 'v1.sample.example.com', spec: { group: 'sample.example.com', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 10, service: { namespace: 'default', name: 'none' } } },
  'apiregistration.k8s.io/v1beta1/APIService': { name: 'v2.sample.example.com', spec: { group: 'sample.example.com', version: 'v2', groupPriorityMinimum: 1000, versionPriority: 10, service: { namespace: 'default', name: 'none' } } },
  Pod: { spec: { containers: [{ name: 'c', image: 'i' }] } },
  PodTemplate: { template },
  ReplicationController: { spec: { replicas: 0, selector: { app: 'x' }, template } },
  ReplicaSet: { spec: { replicas: 0, selector, template } },
  Deployment: { spec: { replicas: 0, selector, template } },
  DaemonSet: { spec: { selector, template } },
  StatefulSet: { spec: { replicas: 0, selector, template } },
  ControllerRevision: { data: {}, revision: 1 },
  Job: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } },
  CronJob: { spec: { schedule: '@daily', jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } } } },
  'autoscaling/v2beta1/HorizontalPodAutoscaler': { spec: { maxReplicas: 1, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' }, metrics: [{ type: 'Resource', resource: { name: 'memory', targetAverageUtilization: 50 } }] } },
  HorizontalPodAutoscaler: { spec: { maxReplicas: 1, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } } },
  Service: { spec: { ports: [{ port: 80 }] } },
  EndpointSlice: { addressType: 'IPv4', endpoints: [] },
  Event: { involvedObject: { namespace: 'default', kind: 'Pod', name: 'x' } },
  'events.k8s.io/Event': { regarding: { namespace: 'default' }, eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'example.com/x', reportingInstance: 'x', action: 'Test', reason: 'Test', type: 'Normal' },
  PersistentVolume: { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } } },
  PersistentVolumeClaim: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  StorageClass: { provisioner: 'example.com/x' },
  CSINode: { spec: { drivers: [] } },
  CSIStorageCapacity: { storageClassName: 'x' },
  VolumeAttachment: { spec: { attacher: 'x', nodeName: 'x', source: { persistentVolumeName: 'x' } } },
  VolumeAttributesClass: { driverName: 'example.com', parameters: { a: 'b' } },
  PriorityClass: { value: 1 },
  RuntimeClass: { handler: 'x' },
  PodDisruptionBudget: { spec: { minAvailable: 1, selector } },
  NetworkPolicy: { spec: { podSelector: {} } },
  'networking.k8s.io/v1beta1/Ingress': { spec: { rules: [{ http: { paths: [{ path: '/', backend: { serviceName: 'x', servicePort: 'web' } }] } }] } },
  'extensions/v1beta1/Ingress': { spec: { backend: { serviceName: 'x', servicePort: 80 } } },
  Ingress: { spec: { defaultBackend: { service: { name: 'x', port: { number: 80 } } } } },
  IngressClass: { spec: { controller: 'example.com/x' } },
  'networking.k8s.io/v1beta1/IPAddress': { name: '192.0.2.2', spec: { parentRef: { resource: 'services', namespace: 'default', name: 'x' } } },
  IPAddress: { name: '192.0.2.1', spec: { parentRef: { resource: 'services', namespace: 'default', name: 'x' } } },
  ServiceCIDR: { spec: { cidrs: ['192.0.2.0/24'] } },
  RoleBinding: { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'x' } },
  ClusterRoleBinding: { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'x' } },
  FlowSchema: { spec: { priorityLevelConfiguration: { name: 'x' } } },
  PriorityLevelConfiguration: { spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } } },
  'resource.k8s.io/v1beta1/ResourceClaim': { spec: { devices: { requests: [{ name: 'r', deviceClassName: 'c' }] } } },
  'resource.k8s.io/v1beta1/ResourceClaimTemplate': { spec: { spec: { devices: { requests: [{ name: 'r', deviceClassName: 'c' }] } } } },
  'resource.k8s.io/v1beta1/ResourceSlice': { spec: { driver: 'example.com', nodeName: 'x', pool: { name: 'x', generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'd', basic: { attributes: { model: { string: 'm' } } } }] } },
  ResourceClaim: { spec: {} },
  ResourceClaimTemplate: { spec: { spec: {} } },
  DeviceClass: { spec: {} },
  ResourceSlice: { spec: { driver: 'example.com', nodeName: 'x', pool: { name: 'x', generation: 1, resourceSliceCount: 1 }, devices: [device] } },
  'apiextensions.k8s.io/v1beta1/CustomResourceDefinition': {
    name: 'olds.example.com',
    spec: { group: 'example.com', version: 'v1', names: { plural: 'olds', kind: 'Old' }, validation: { openAPIV3Schema: { properties: { spec: { properties: { a: { minimum: 1 } } } } } }, additionalPrinterColumns: [{ name: 'A', type: 'integer', JSONPath: '.spec.a' }] },
  },
  CustomResourceDefinition: {
    name: 'things.example.com',
    spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'things', kind: 'Thing' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] },
  },
  'admissionregistration.k8s.io/v1beta1/MutatingWebhookConfiguration': { webhooks: [{ name: 'a.example.com', clientConfig: { url: 'https://127.0.0.1:1/' } }] },
  'admissionregistration.k8s.io/v1beta1/ValidatingWebhookConfiguration': { webhooks: [{ name: 'a.example.com', clientConfig: { url: 'https://127.0.0.1:1/' } }] },
  MutatingWebhookConfiguration: { webhooks: [webhook] },
  ValidatingWebhookConfiguration: { webhooks: [webhook] },
  ValidatingAdmissionPolicy: { spec: { matchConstraints: { resourceRules: [{ apiGroups: ['x'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['x'] }] }, validations: [{ expression: 'true' }] } },
  ValidatingAdmissionPolicyBinding: { spec: { policyName: 'x', validationActions: ['Deny'] } },
  MutatingAdmissionPolicy: {
    spec: {
      reinvocationPolicy: 'Never',
      matchConstraints: { resourceRules: [{ apiGroups: ['x'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['x'] }] },
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }],
    },
  },
  MutatingAdmissionPolicyBinding: { spec: { policyName: 'x' } },
  CertificateSigningRequest: { spec: { request: certificateRequest, signerName: 'example.com/x', usages: ['client auth'] } },
};

export function sampleOf(group: string, version: string, kind: string): { readonly name?: string } & Record<string, unknown> {
  return samples[`${group}/${version}/${kind}`] ?? samples[`${group}/${kind}`] ?? samples[kind] ?? {};
}
