import { accept, affinity, container, image, label, one, preferred, quantityWords, refuse, required, resources, subdomain, withSpec, type Accepted, type Fields, type Refused } from './pod-rows.ts';

const r = 'spec.containers[0].resources';
const whole = (own: Fields, ...containers: Fields[]): Fields => ({ containers: containers.length > 0 ? containers.map((fields, n) => container({ name: `c${n}`, resources: fields })) : [container()], resources: own });
const claims = (resourceClaims: Fields[], used: Fields[] = []): Fields => ({ ...resources({ claims: used }), resourceClaims });
const gpu = { name: 'gpu', resourceClaimName: 'x' };
const node = (...nodeSelectorTerms: Fields[]): Fields => affinity({ nodeAffinity: { [required]: { nodeSelectorTerms } } });
const n = `spec.affinity.nodeAffinity.${required}.nodeSelectorTerms[0]`;
const match = (fields: Fields): Fields => node({ matchExpressions: [{ key: 'k', ...fields }] });
const term = (fields: Fields): Fields => affinity({ podAntiAffinity: { [required]: [{ topologyKey: 'zone', ...fields }] } });
const t = `spec.affinity.podAntiAffinity.${required}[0]`;
const spread = (fields: Fields, ...more: Fields[]): Fields => withSpec({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', ...fields }, ...more] });
const s = 'spec.topologySpreadConstraints[0]';
const dns = (dnsConfig: Fields): Fields => withSpec({ dnsConfig });
const ip = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const tolerate = (fields: Fields): Fields => withSpec({ tolerations: [fields] });
const selector = { matchLabels: { app: 'x' } };

const refused: Refused = [
  // Resources
  [resources({ limits: { 'a b': '1' } }), `${r}.limits[a b]`, "Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')", { only: 'first' }],
  [resources({ limits: { storage: '1' } }), `${r}.limits[storage]`, 'Invalid value: "storage": must be a standard resource for containers', { only: 'first' }],
  [resources({ limits: { 'requests.a.b/c': '1' } }), `${r}.limits[requests.a.b/c]`, "Invalid value: \"requests.a.b/c\": doesn't follow extended resource name standard", { only: 'first' }],
  [resources({ limits: { 'hugepages-2Mi': '3Mi', cpu: '1' } }), `${r}.limits[hugepages-2Mi]`, 'Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi', { only: 'first' }],
  [resources({ requests: { 'hugepages-2Mi': '2Mi', cpu: '1' }, limits: { 'hugepages-2Mi': '4Mi', cpu: '1' } }), `${r}.requests`, 'Invalid value: "2Mi": must be equal to hugepages-2Mi limit of 4Mi'],
  [resources({ requests: { memory: '1.5Gi' }, limits: { memory: '1Gi' } }), `${r}.requests`, 'Invalid value: "1536Mi": must be less than or equal to memory limit of 1Gi'],
  [withSpec({ overhead: { cpu: 'x' } }), 'spec.overhead.limits[cpu]', `Invalid value: "x": ${quantityWords}`],
  [claims([{}]), 'spec.resourceClaims[0].name', 'Required value', { only: 'first' }],
  [claims([{ ...gpu, name: 'G' }]), 'spec.resourceClaims[0].name', label('G')],
  [claims([gpu, gpu]), 'spec.resourceClaims[1].name', 'Duplicate value: "gpu"'],
  [claims([{ name: 'gpu' }]), 'spec.resourceClaims[0]', 'Invalid value: {"name":"gpu"}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'],
  [claims([{ ...gpu, resourceClaimTemplateName: 'y' }]), 'spec.resourceClaims[0]', 'Invalid value: {"name":"gpu","resourceClaimName":"x","resourceClaimTemplateName":"y"}: at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'],
  [claims([{ name: 'gpu', resourceClaimName: 'X' }]), 'spec.resourceClaims[0].resourceClaimName', subdomain('X')],
  [claims([gpu], [{ name: 'gpu' }, { name: 'gpu' }]), `${r}.claims[1]`, 'Duplicate value: "gpu"'],
  [claims([gpu], [{ name: 'gpu', request: 'a' }, { name: 'gpu', request: 'a' }]), `${r}.claims[1]`, 'Duplicate value: "gpu/a"'],
  [claims([gpu], [{ name: 'gpu', request: 'a' }, { name: 'gpu' }]), `${r}.claims[1]`, 'Duplicate value: "gpu"'],
  [claims([gpu], [{ name: 'fpga' }]), `${r}.claims[0]`, 'Not found: "fpga": must be one of the names in pod.spec.resourceClaims: gpu'],
  // Of the Pod as a whole
  [whole({ requests: { 'ephemeral-storage': '1Gi' } }), 'spec.resources.requests[ephemeral-storage]', 'Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory"'],
  [whole({ requests: { cpu: '2' }, limits: { cpu: '1' } }), 'spec.resources.requests', 'Invalid value: "2": must be less than or equal to cpu limit of 1'],
  [whole({ requests: { cpu: '1' } }, { requests: { cpu: '600m' } }, { requests: { cpu: '500m' } }), 'spec.resources.requests[cpu]', 'Invalid value: "1": must be greater than or equal to aggregate container requests of 1100m'],
  [whole({ requests: { cpu: '1' }, limits: { cpu: '1' } }, { limits: { cpu: '2' }, requests: { cpu: '1' } }), 'spec.resources.containers[0][cpu].limits', 'Invalid value: "2": must be less than or equal to pod limits of 1'],
  [whole({ claims: [{ name: 'x' }] }), 'spec.resources.claims', 'Forbidden: claims cannot be set for Resources at pod-level'],
  // Names
  [withSpec({ hostnameOverride: 'A' }), 'spec.hostnameOverride', subdomain('A')],
  [withSpec({ hostnameOverride: `${'a'.repeat(63)}.b` }), 'spec.hostnameOverride', 'Too long: must have at most 64 bytes'],
  [withSpec({ hostnameOverride: 'a', setHostnameAsFQDN: true }), 'spec.setHostnameAsFQDN', 'Forbidden: may not be true when `hostnameOverride` is set'],
  [withSpec({ hostnameOverride: 'a', hostNetwork: true }), 'spec.hostNetwork', 'Forbidden: may not be true when `hostnameOverride` is set'],
  [withSpec({ runtimeClassName: 'R' }), 'spec.runtimeClassName', subdomain('R')],
  [withSpec({ hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'B'] }] }), 'spec.hostAliases[0].hostnames[1]', subdomain('B')],
  [withSpec({ activeDeadlineSeconds: 2 ** 31 }), 'spec.activeDeadlineSeconds', 'Invalid value: 2147483648: must be between 1 and 2147483647, inclusive'],
  // DNS
  [withSpec({ dnsPolicy: 'None', dnsConfig: { searches: ['a'] } }), 'spec.dnsConfig.nameservers', 'Required value: must provide at least one DNS nameserver when `dnsPolicy` is None'],
  [dns({ nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] }), 'spec.dnsConfig.nameservers', 'Invalid value: ["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]: must not have more than 3 nameservers'],
  [dns({ nameservers: ['1.1.1.1', '::g'] }), 'spec.dnsConfig.nameservers[1]', `Invalid value: "::g": ${ip}`],
  [dns({ searches: ['a b'] }), 'spec.dnsConfig.searches[0]', "Invalid value: \"a b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"],
  [dns({ searches: Array.from({ length: 33 }, () => 'a') }), 'spec.dnsConfig.searches', `Invalid value: ${JSON.stringify(Array.from({ length: 33 }, () => 'a'))}: must not have more than 32 search paths`],
  [dns({ options: [{ value: '5' }] }), 'spec.dnsConfig.options[0]', 'Required value: must not be empty'],
  // Nodes
  [match({ operator: 'Is', values: ['a'] }), `${n}.matchExpressions[0].operator`, 'Invalid value: "Is": not a valid selector operator'],
  [match({ operator: 'Exists', values: ['a'] }), `${n}.matchExpressions[0].values`, "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"],
  [match({ operator: 'Gt', values: ['1', '2'] }), `${n}.matchExpressions[0].values`, "Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"],
  [match({ operator: 'In', values: ['-'] }), `${n}.matchExpressions[0].values[0]`, "Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"],
  [match({ key: '', operator: 'Exists' }), `${n}.matchExpressions[0].key`, 'Invalid value: "": name part must be non-empty', { only: 'first' }],
  [node({ matchFields: [{ key: 'metadata.name', operator: 'Exists' }] }), `${n}.matchFields[0].operator`, 'Invalid value: "Exists": not a valid selector operator'],
  [node({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a', 'b'] }] }), `${n}.matchFields[0].values`, "Required value: must be only one value when `operator` is 'In' or 'NotIn' for node field selector"],
  [node({ matchFields: [{ key: 'spec.x', operator: 'In', values: ['a'] }] }), `${n}.matchFields[0].key`, 'Invalid value: "spec.x": not a valid field selector key'],
  [affinity({ nodeAffinity: { [preferred]: [{ weight: 0, preference: {} }] } }), `spec.affinity.nodeAffinity.${preferred}[0].weight`, 'Invalid value: 0: must be in the range 1-100'],
  // Pods
  [term({ topologyKey: 'a b' }), `${t}.topologyKey`, "Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"],
  [term({ namespaces: ['N'] }), `${t}.namespace`, label('N')],
  [term({ matchLabelKeys: ['a'] }), `${t}.matchLabelKeys`, 'Forbidden: must not be specified when labelSelector is not set'],
  [term({ labelSelector: selector, matchLabelKeys: ['a'], mismatchLabelKeys: ['a'] }), `${t}.matchLabelKeys[0]`, 'Invalid value: "a": exists in both matchLabelKeys and mismatchLabelKeys'],
  [term({ labelSelector: selector, matchLabelKeys: ['app'] }), `${t}[0]`, 'Invalid value: "app": exists in both matchLabelKeys and labelSelector'],
  [term({ labelSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }), `${t}.labelSelector.matchExpressions[0].values`, "Required value: must be specified when `operator` is 'In' or 'NotIn'"],
  [affinity({ podAffinity: { [preferred]: [{ weight: 200, podAffinityTerm: { topologyKey: 'zone' } }] } }), `spec.affinity.podAffinity.${preferred}[0].weight`, 'Invalid value: 200: must be in the range 1-100'],
  // Spreading
  [spread({ topologyKey: '' }), `${s}.topologyKey`, 'Required value: can not be empty'],
  [spread({ whenUnsatisfiable: 'Never' }), `${s}.whenUnsatisfiable`, 'Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"'],
  [spread({}, { maxSkew: 2, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }), `${s}.{topologyKey, whenUnsatisfiable}`, 'Duplicate value: "{zone, DoNotSchedule}"'],
  [spread({ minDomains: 0 }), `${s}.minDomains`, 'Invalid value: 0: must be greater than zero'],
  [spread({ minDomains: 2, whenUnsatisfiable: 'ScheduleAnyway' }), `${s}.minDomains`, 'Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway'],
  [spread({ nodeTaintsPolicy: 'Maybe' }), `${s}.nodeTaintsPolicy`, 'Unsupported value: "Maybe": supported values: "Honor", "Ignore"'],
  [spread({ matchLabelKeys: ['a'] }), `${s}.matchLabelKeys`, 'Forbidden: must not be specified when labelSelector is not set'],
  [spread({ labelSelector: selector, matchLabelKeys: ['app'] }), `${s}.matchLabelKeys[0]`, 'Invalid value: "app": exists in both matchLabelKeys and labelSelector'],
  // Tolerations and gates
  [tolerate({ key: 'k', operator: 'Like' }), 'spec.tolerations[0].operator', 'Unsupported value: "Like": supported values: "Equal", "Exists"'],
  [tolerate({ key: '/k', operator: 'Exists' }), 'spec.tolerations[0].key', 'Invalid value: "/k": prefix part must be non-empty'],
  [withSpec({ schedulingGates: [{ name: 'a.b/c' }, { name: 'a.b/c' }] }), 'spec.schedulingGates[1]', 'Duplicate value: "a.b/c"'],
  [withSpec({ schedulingGates: [{ name: 'a/b/c' }] }), 'spec.schedulingGates[0]', "Invalid value: \"a/b/c\": a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"],
  [withSpec({ readinessGates: [{}] }), 'spec.readinessGates[0].conditionType', 'Invalid value: "": name part must be non-empty', { only: 'first' }],
];

refuse('the rest of the spec', refused);

const accepted: Accepted = [
  [resources({ requests: { cpu: '0' }, limits: { cpu: '0' } })],
  [resources({ limits: { cpu: '1e1', memory: '0.5Gi' } })],
  [resources({ requests: { 'example.com/a': '1' }, limits: { 'example.com/a': '1' } })],
  [resources({ limits: { 'kubernetes.io/batch-cpu': '100m' } })],
  [claims([gpu, { name: 'fpga', resourceClaimTemplateName: 'y' }], [{ name: 'gpu', request: 'a' }, { name: 'gpu', request: 'b' }, { name: 'fpga' }])],
  [whole({ limits: { cpu: '1', memory: '1Gi' } })],
  [whole({ limits: { cpu: '1' } }, { requests: { cpu: '100m' } }, { limits: { cpu: '200m' } })],
  [whole({ requests: { memory: '1Gi' }, limits: { memory: '2Gi', cpu: '1', 'hugepages-2Mi': '2Mi' } })],
  [{ ...whole({ requests: { cpu: '1' } }, { requests: { cpu: '1' } }), initContainers: [{ name: 'i', image, resources: { requests: { cpu: '1' } } }] }],
  [withSpec({ overhead: {} })],
  [withSpec({ terminationGracePeriodSeconds: -1 })],
  [withSpec({ activeDeadlineSeconds: 2 ** 31 - 1 })],
  [withSpec({ hostnameOverride: 'some.where', hostname: 'h', subdomain: 's', setHostnameAsFQDN: false })],
  [withSpec({ hostAliases: [{ ip: '127.0.0.1' }, { ip: '2001:db8::1', hostnames: ['a', 'b.c'] }] })],
  [dns({})],
  [dns({ searches: ['svc._tcp.local', 'a.b.c.', '_x'], options: [{ name: 'edns0' }] })],
  [withSpec({ dnsPolicy: 'Default' })],
  [withSpec({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true })],
  [node({})],
  [node({ matchExpressions: [{ key: 'a.b/c', operator: 'NotIn', values: ['', 'x'] }, { key: 'k', operator: 'DoesNotExist' }, { key: 'k', operator: 'Lt', values: ['5'] }] }, { matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['n'] }] })],
  [affinity({ nodeAffinity: { [preferred]: [{ weight: 1, preference: { matchExpressions: [{ key: 'k', operator: 'In', values: ['not a label'] }] } }] } })],
  [affinity({})],
  [term({ namespaces: ['a'], namespaceSelector: {}, labelSelector: selector, matchLabelKeys: ['v'], mismatchLabelKeys: ['app'] })],
  [spread({ minDomains: 1, nodeAffinityPolicy: 'Ignore', nodeTaintsPolicy: 'Honor', labelSelector: selector, matchLabelKeys: ['v'] }, { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' })],
  [tolerate({ key: 'k', value: 'v' })],
  [tolerate({ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: -1 })],
  [withSpec({ schedulerName: 'mine', priority: 1000, enableServiceLinks: false, automountServiceAccountToken: true })],
  [withSpec({ imagePullSecrets: [{ name: 'a' }, { name: 'b' }, {}] })],
  [withSpec({ schedulingGates: [{ name: 'a' }, { name: 'b.c/d' }] })],
  [withSpec({ serviceAccount: 'old' })],
  [{ containers: Array.from({ length: 30 }, (_, index) => container({ name: `c${index}` })) }],
  [one({}), { annotations: { big: 'x'.repeat(262_141) } }],
];

accept('the rest of the spec', accepted);
