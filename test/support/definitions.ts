// CustomResourceDefinitions of the kinds that people bring: shaped like those of well-known operators, and much shorter.

const condition = { type: 'object', required: ['type', 'status'], properties: { type: { type: 'string' }, status: { type: 'string', enum: ['True', 'False', 'Unknown'] }, reason: { type: 'string' }, message: { type: 'string' }, lastTransitionTime: { type: 'string', format: 'date-time' }, observedGeneration: { type: 'integer', format: 'int64' } } };

export const certificates = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'certificates.cert-manager.io', labels: { app: 'cert-manager' } },
  spec: {
    group: 'cert-manager.io',
    scope: 'Namespaced',
    names: { kind: 'Certificate', listKind: 'CertificateList', plural: 'certificates', singular: 'certificate', shortNames: ['cert', 'certs'], categories: ['cert-manager'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
          { name: 'Secret', type: 'string', jsonPath: '.spec.secretName' },
          { name: 'Issuer', type: 'string', jsonPath: '.spec.issuerRef.name', priority: 1 },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: 'A certificate that is wanted.',
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              spec: {
                type: 'object',
                required: ['issuerRef', 'secretName'],
                properties: {
                  secretName: { type: 'string' },
                  commonName: { type: 'string', maxLength: 64 },
                  duration: { type: 'string' },
                  isCA: { type: 'boolean' },
                  dnsNames: { type: 'array', items: { type: 'string' } },
                  usages: { type: 'array', items: { type: 'string', enum: ['signing', 'digital signature', 'server auth', 'client auth'] } },
                  issuerRef: { type: 'object', required: ['name'], properties: { group: { type: 'string' }, kind: { type: 'string' }, name: { type: 'string' } } },
                  privateKey: {
                    type: 'object',
                    description: 'The options of the private key.',
                    properties: { algorithm: { type: 'string', enum: ['RSA', 'ECDSA', 'Ed25519'] }, rotationPolicy: { type: 'string', enum: ['Never', 'Always'] }, size: { type: 'integer' } },
                  },
                  secretTemplate: { type: 'object', properties: { annotations: { type: 'object', additionalProperties: { type: 'string' } }, labels: { type: 'object', additionalProperties: { type: 'string' } } } },
                  additionalOutputFormats: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'], items: { type: 'object', required: ['type'], properties: { type: { type: 'string', enum: ['DER', 'CombinedPEM'] } } } },
                },
              },
              status: { type: 'object', properties: { conditions: { type: 'array', items: condition, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }, notAfter: { type: 'string', format: 'date-time' }, revision: { type: 'integer' } } },
            },
          },
        },
      },
    ],
  },
};

const intOrString = { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true };
const quantity = { ...intOrString, pattern: '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$' };
const resources = { type: 'object', properties: { limits: { type: 'object', additionalProperties: quantity }, requests: { type: 'object', additionalProperties: quantity } } };
const labelSelector = {
  type: 'object',
  'x-kubernetes-map-type': 'atomic',
  properties: {
    matchExpressions: { type: 'array', 'x-kubernetes-list-type': 'atomic', items: { type: 'object', required: ['key', 'operator'], properties: { key: { type: 'string' }, operator: { type: 'string' }, values: { type: 'array', items: { type: 'string' } } } } },
    matchLabels: { type: 'object', additionalProperties: { type: 'string' } },
  },
};

export const prometheuses = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'prometheuses.monitoring.coreos.com', annotations: { 'controller-gen.kubebuilder.io/version': 'v0.11.1' } },
  spec: {
    group: 'monitoring.coreos.com',
    scope: 'Namespaced',
    names: { kind: 'Prometheus', listKind: 'PrometheusList', plural: 'prometheuses', singular: 'prometheus', shortNames: ['prom'], categories: ['prometheus-operator'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {}, scale: { specReplicasPath: '.spec.shards', statusReplicasPath: '.status.shards', labelSelectorPath: '.status.selector' } },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              spec: {
                type: 'object',
                properties: {
                  replicas: { type: 'integer', format: 'int32' },
                  shards: { type: 'integer', format: 'int32' },
                  retention: { type: 'string', pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$' },
                  podMetadata: { type: 'object', properties: { annotations: { type: 'object', additionalProperties: { type: 'string' } }, labels: { type: 'object', additionalProperties: { type: 'string' } } } },
                  resources,
                  serviceMonitorSelector: labelSelector,
                  containers: {
                    type: 'array',
                    items: {
                      type: 'object',
                      required: ['name'],
                      'x-kubernetes-preserve-unknown-fields': true,
                      properties: {
                        name: { type: 'string' },
                        image: { type: 'string' },
                        resources,
                        ports: {
                          type: 'array',
                          'x-kubernetes-list-type': 'map',
                          'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
                          items: { type: 'object', required: ['containerPort'], properties: { containerPort: { type: 'integer', format: 'int32' }, protocol: { type: 'string', default: 'TCP' }, name: { type: 'string' } } },
                        },
                        livenessProbe: { type: 'object', properties: { httpGet: { type: 'object', required: ['port'], properties: { path: { type: 'string' }, port: intOrString } } } },
                      },
                    },
                  },
                  storage: { type: 'object', properties: { volumeClaimTemplate: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true } } },
                },
              },
              status: { type: 'object', properties: { shards: { type: 'integer' }, selector: { type: 'string' }, conditions: { type: 'array', items: condition } } },
            },
          },
        },
      },
    ],
  },
};

/** With most that a definition can have. */
export const websites = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'websites.web.example.com' },
  spec: {
    group: 'web.example.com',
    scope: 'Namespaced',
    names: { kind: 'Website', plural: 'websites', shortNames: ['ws'], categories: ['web-all'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.readyReplicas', labelSelectorPath: '.status.selector' } },
        additionalPrinterColumns: [
          { name: 'Domain', type: 'string', jsonPath: '.spec.domain' },
          { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
          { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        selectableFields: [{ jsonPath: '.spec.domain' }],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                required: ['domain'],
                'x-kubernetes-validations': [{ rule: '!has(self.paused) || !self.paused || self.replicas < 50', message: 'a paused site is smaller than 50' }],
                properties: {
                  domain: { type: 'string', maxLength: 253, pattern: '^[a-z0-9.-]+$' },
                  replicas: { type: 'integer', format: 'int32', minimum: 0, maximum: 100, default: 1 },
                  paused: { type: 'boolean' },
                  ports: {
                    type: 'array',
                    maxItems: 16,
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['name'],
                    items: { type: 'object', required: ['name', 'port'], properties: { name: { type: 'string', maxLength: 63 }, port: { type: 'integer', minimum: 1, maximum: 65535 }, targetPort: intOrString } },
                  },
                },
              },
              status: { type: 'object', properties: { readyReplicas: { type: 'integer' }, selector: { type: 'string' } } },
            },
          },
        },
      },
    ],
  },
};
