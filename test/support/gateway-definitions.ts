// CustomResourceDefinitions shaped like those of the Gateway API (gateway.networking.k8s.io), and shorter: the same kinds, versions,
// defaults, bounds, keys of lists and rules, so that what people apply is kept whole, or refused as there.

const group = 'gateway.networking.k8s.io';
type Schema = Record<string, unknown>;
const object = (properties: Schema, required: string[] = [], more: Schema = {}): Schema => ({ type: 'object', properties, ...(required.length > 0 ? { required } : {}), ...more });
const list = (items: Schema, maxItems: number, more: Schema = {}): Schema => ({ type: 'array', items, maxItems, ...more });
const text = (maxLength: number, more: Schema = {}): Schema => ({ type: 'string', minLength: 1, maxLength, ...more });

const hostname = text(253, { pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$' });
const groupName = { type: 'string', maxLength: 253, pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$' };
const kindName = text(63, { pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' });
const port = { type: 'integer', format: 'int32', minimum: 1, maximum: 65_535 };
const condition = object(
  {
    type: text(316), status: { type: 'string', enum: ['True', 'False', 'Unknown'] }, reason: text(1024), message: { type: 'string', maxLength: 32_768 },
    lastTransitionTime: { type: 'string', format: 'date-time' }, observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
  },
  ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
);
const conditions = list(condition, 8, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });
const parentRef = object({ group: { ...groupName, default: group }, kind: { ...kindName, default: 'Gateway' }, namespace: text(63), name: text(253), sectionName: text(253), port }, ['name']);
const backendRef = object(
  { group: { ...groupName, default: '' }, kind: { ...kindName, default: 'Service' }, namespace: text(63), name: text(253), port, weight: { type: 'integer', format: 'int32', minimum: 0, maximum: 1_000_000, default: 1 } },
  ['name'],
  { 'x-kubernetes-validations': [{ message: 'Must have port for Service reference', rule: "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true" }] },
);
const headerMatch = object({ name: text(256, { pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" }), type: { type: 'string', enum: ['Exact', 'RegularExpression'], default: 'Exact' }, value: text(4096) }, ['name', 'value']);
const headerList = list(object({ name: text(256), value: text(4096) }, ['name', 'value']), 16, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] });
const headerFilter = object({ set: headerList, add: headerList, remove: list({ type: 'string' }, 16, { 'x-kubernetes-list-type': 'set' }) });
const routeStatus = object({ parents: list(object({ parentRef, controllerName: text(253), conditions }, ['parentRef', 'controllerName']), 32) }, ['parents']);

const gatewaySpec = object(
  {
    gatewayClassName: text(253),
    listeners: {
      ...list(
        object(
          {
            name: text(253), hostname, port, protocol: text(255),
            tls: object({ mode: { type: 'string', enum: ['Terminate', 'Passthrough'], default: 'Terminate' }, certificateRefs: list(object({ group: { ...groupName, default: '' }, kind: { ...kindName, default: 'Secret' }, name: text(253), namespace: text(63) }, ['name']), 64), options: { type: 'object', additionalProperties: { type: 'string', maxLength: 4096 }, maxProperties: 16 } }),
            allowedRoutes: object({
              namespaces: object({ from: { type: 'string', enum: ['All', 'Selector', 'Same'], default: 'Same' }, selector: object({ matchLabels: { type: 'object', additionalProperties: { type: 'string' } } }) }, [], { default: { from: 'Same' } }),
              kinds: list(object({ group: { ...groupName, default: group }, kind: kindName }, ['kind']), 8),
            }, [], { default: { namespaces: { from: 'Same' } } }),
          },
          ['name', 'port', 'protocol'],
        ),
        64,
      ),
      minItems: 1,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-validations': [{ message: 'tls must not be specified for protocols [HTTP, TCP, UDP]', rule: "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)" }],
    },
    addresses: list(object({ type: { type: 'string', default: 'IPAddress' }, value: { type: 'string' } }, [], { oneOf: [{ properties: { type: { enum: ['IPAddress'] }, value: { anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] } } }, { properties: { type: { not: { enum: ['IPAddress'] } } } }] }), 16),
    infrastructure: object({ labels: { type: 'object', additionalProperties: { type: 'string', maxLength: 63 } }, parametersRef: object({ group: groupName, kind: kindName, name: text(253) }, ['group', 'kind', 'name']) }),
  },
  ['gatewayClassName', 'listeners'],
);

const httpRouteSpec = object({
  parentRefs: list(parentRef, 32),
  hostnames: list(hostname, 16),
  rules: {
    ...list(
      object({
        name: text(253),
        matches: {
          ...list(
            object({
              path: object({ type: { type: 'string', enum: ['Exact', 'PathPrefix', 'RegularExpression'], default: 'PathPrefix' }, value: { type: 'string', maxLength: 1024, default: '/' } }, [], { default: { type: 'PathPrefix', value: '/' }, 'x-kubernetes-validations': [{ message: "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']", rule: "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') : true" }] }),
              headers: list(headerMatch, 16, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
              method: { type: 'string', enum: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] },
            }),
            64,
          ),
          default: [{ path: { type: 'PathPrefix', value: '/' } }],
        },
        filters: list(object({ type: { type: 'string', enum: ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite', 'ExtensionRef'] }, requestHeaderModifier: headerFilter, responseHeaderModifier: headerFilter, requestRedirect: object({ scheme: { type: 'string', enum: ['http', 'https'] }, statusCode: { type: 'integer', enum: [301, 302], default: 302 } }), extensionRef: object({ group: groupName, kind: kindName, name: text(253) }, ['group', 'kind', 'name']) }, ['type']), 16),
        backendRefs: list(backendRef, 16),
        timeouts: object({ request: { type: 'string', pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' }, backendRequest: { type: 'string', pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' } }),
      }),
      16,
    ),
    default: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }],
  },
});

const grpcRouteSpec = object({
  parentRefs: list(parentRef, 32),
  hostnames: list(hostname, 16),
  rules: list(object({ matches: list(object({ method: object({ type: { type: 'string', enum: ['Exact', 'RegularExpression'], default: 'Exact' }, service: { type: 'string', maxLength: 1024 }, method: { type: 'string', maxLength: 1024 } }), headers: list(headerMatch, 16) }), 64), backendRefs: list(backendRef, 16) }), 16),
});

function definition(kind: string, plural: string, spec: Schema, status: Schema | undefined, more: { scope?: 'Cluster'; shortNames?: string[]; versions?: string[]; columns?: object[] }): any {
  const [storage, ...others] = more.versions ?? ['v1'];
  const version = (name: string) => ({
    name, served: true, storage: name === storage,
    ...(status ? { subresources: { status: {} } } : {}),
    additionalPrinterColumns: [...(more.columns ?? []), { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
    schema: { openAPIV3Schema: object({ apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' }, spec, ...(status ? { status } : {}) }, ['spec']) },
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api/pull/3328', 'gateway.networking.k8s.io/channel': 'standard' } },
    spec: { group, scope: more.scope ?? 'Namespaced', names: { kind, plural, listKind: `${kind}List`, singular: kind.toLowerCase(), shortNames: more.shortNames ?? [], categories: ['gateway-api'] }, versions: [storage!, ...others].map(version) },
  };
}

export const gatewayDefinitions: readonly any[] = [
  definition('GatewayClass', 'gatewayclasses', object({ controllerName: text(253, { pattern: '^[a-z0-9.-]+/[A-Za-z0-9/._~%!$&()*+,;=:-]+$', 'x-kubernetes-validations': [{ message: 'Value is immutable', rule: 'self == oldSelf' }] }), description: { type: 'string', maxLength: 64 }, parametersRef: object({ group: groupName, kind: kindName, name: text(253), namespace: text(63) }, ['group', 'kind', 'name']) }, ['controllerName']), object({ conditions, supportedFeatures: list(object({ name: { type: 'string' } }, ['name']), 64) }), {
    scope: 'Cluster', shortNames: ['gc'], versions: ['v1', 'v1beta1'],
    columns: [{ name: 'Controller', type: 'string', jsonPath: '.spec.controllerName' }, { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' }],
  }),
  definition('Gateway', 'gateways', gatewaySpec, object({ addresses: list(object({ type: { type: 'string' }, value: { type: 'string' } }), 16), conditions, listeners: list(object({ name: text(253), attachedRoutes: { type: 'integer', format: 'int32' }, supportedKinds: list(object({ group: groupName, kind: kindName }, ['kind']), 8), conditions }, ['name', 'attachedRoutes', 'conditions']), 64) }), {
    shortNames: ['gtw'], versions: ['v1', 'v1beta1'],
    columns: [{ name: 'Class', type: 'string', jsonPath: '.spec.gatewayClassName' }, { name: 'Address', type: 'string', jsonPath: '.status.addresses[*].value' }, { name: 'Programmed', type: 'string', jsonPath: '.status.conditions[?(@.type=="Programmed")].status' }],
  }),
  definition('HTTPRoute', 'httproutes', httpRouteSpec, routeStatus, { versions: ['v1', 'v1beta1'], columns: [{ name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' }] }),
  definition('GRPCRoute', 'grpcroutes', grpcRouteSpec, routeStatus, { columns: [{ name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' }] }),
  definition('ReferenceGrant', 'referencegrants', object({ from: list(object({ group: groupName, kind: kindName, namespace: text(63) }, ['group', 'kind', 'namespace']), 16, { minItems: 1 }), to: list(object({ group: groupName, kind: kindName, name: text(253) }, ['group', 'kind']), 16, { minItems: 1 }) }, ['from', 'to']), undefined, { shortNames: ['refgrant'], versions: ['v1beta1'] }),
];
