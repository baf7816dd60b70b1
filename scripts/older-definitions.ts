// Definitions of versions that upstream no longer publishes: most have the fields of a newer version, some were laid out otherwise.
import type { Definition, Field, Struct } from '../src/api/schema/schema.ts';

type Definitions = Record<string, Definition>;
type Texts = Record<string, Record<string, string>>;

const intOrString: Field = { type: 'ref', name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString' };

/** The folder of a group's definitions, the group, the newer version, the older ones, and their kinds. */
const sameShape: readonly (readonly [folder: string, group: string, newer: string, older: readonly string[], kinds: readonly string[]])[] = [
  ['authentication', 'authentication.k8s.io', 'v1', ['v1beta1'], ['TokenReview']],
  ['authorization', 'authorization.k8s.io', 'v1', ['v1beta1'], ['SelfSubjectAccessReview', 'SelfSubjectRulesReview']],
  ['autoscaling', 'autoscaling', 'v2', ['v2beta2'], ['HorizontalPodAutoscaler']],
  ['batch', 'batch', 'v1', ['v1beta1'], ['CronJob']],
  ['certificates', 'certificates.k8s.io', 'v1', ['v1beta1'], ['CertificateSigningRequest']],
  ['coordination', 'coordination.k8s.io', 'v1', ['v1beta1'], ['Lease']],
  ['events', 'events.k8s.io', 'v1', ['v1beta1'], ['Event']],
  ['flowcontrol', 'flowcontrol.apiserver.k8s.io', 'v1', ['v1beta1', 'v1beta2', 'v1beta3'], ['FlowSchema']],
  ['networking', 'networking.k8s.io', 'v1', ['v1beta1'], ['IngressClass']],
  ['node', 'node.k8s.io', 'v1', ['v1beta1'], ['RuntimeClass']],
  ['policy', 'policy', 'v1', ['v1beta1'], ['PodDisruptionBudget']],
  ['rbac', 'rbac.authorization.k8s.io', 'v1', ['v1beta1'], ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding']],
  ['scheduling', 'scheduling.k8s.io', 'v1', ['v1beta1'], ['PriorityClass']],
  ['storage', 'storage.k8s.io', 'v1', ['v1beta1'], ['CSIDriver', 'CSINode', 'CSIStorageCapacity', 'StorageClass', 'VolumeAttachment']],
];

/** Adds to both, in place. What is there already stays. */
export function defineOlder(definitions: Definitions, descriptions: Texts): void {
  const struct = (name: string) => definitions[name] as Struct;
  const put = (name: string, of: Definition, texts: Record<string, string> | undefined) => {
    definitions[name] ??= of;
    if (texts) descriptions[name] ??= texts;
  };
  /** A definition of an older version after one of a newer, with some fields of its own; undefined: gone. */
  const derive = (name: string, from: string, fields: Readonly<Record<string, Field | undefined>>, gvk?: Struct['gvk']) => {
    const properties = Object.fromEntries(Object.entries({ ...struct(from).properties, ...fields }).filter((entry): entry is [string, Field] => entry[1] !== undefined));
    const { gvk: _newer, ...rest } = struct(from);
    put(name, { ...rest, properties, ...(gvk ? { gvk } : {}) }, descriptions[from]);
  };
  /** A kind with its list. */
  const deriveKind = (group: string, prefix: string, kind: string, from: string, fields: Readonly<Record<string, Field | undefined>> = {}) => {
    const version = prefix.slice(prefix.lastIndexOf('.') + 1);
    const own = struct(from).properties;
    derive(`${prefix}.${kind}`, from, fields, [{ group, version, kind }]);
    if (definitions[`${from}List`] && own['metadata']) {
      derive(`${prefix}.${kind}List`, `${from}List`, { items: { ...struct(`${from}List`).properties['items']!, type: 'array', items: { type: 'ref', name: `${prefix}.${kind}` } } as Field }, [{ group, version, kind: `${kind}List` }]);
    }
  };
  const ref = (name: string, more: Partial<Field> = {}): Field => ({ type: 'ref', name, ...more }) as Field;
  const listOf = (name: string, more: Partial<Field> = {}): Field => ({ type: 'array', items: { type: 'ref', name }, ...more }) as Field;

  for (const [folder, group, newer, older, kinds] of sameShape) {
    for (const version of older) for (const kind of kinds) deriveKind(group, `io.k8s.api.${folder}.${version}`, kind, `io.k8s.api.${folder}.${newer}.${kind}`);
  }

  const aggregator = 'io.k8s.kube-aggregator.pkg.apis.apiregistration';
  deriveKind('apiregistration.k8s.io', `${aggregator}.v1beta1`, 'APIService', `${aggregator}.v1.APIService`);

  const [networks, networks1] = ['io.k8s.api.networking.v1beta1', 'io.k8s.api.networking.v1'];
  derive(`${networks}.IngressBackend`, `${networks1}.IngressBackend`, { service: undefined, serviceName: { type: 'string' }, servicePort: intOrString });
  derive(`${networks}.HTTPIngressPath`, `${networks1}.HTTPIngressPath`, { backend: ref(`${networks}.IngressBackend`, { required: true }), pathType: { type: 'string' } });
  derive(`${networks}.HTTPIngressRuleValue`, `${networks1}.HTTPIngressRuleValue`, { paths: listOf(`${networks}.HTTPIngressPath`, { required: true, listType: 'atomic' }) });
  derive(`${networks}.IngressRule`, `${networks1}.IngressRule`, { http: ref(`${networks}.HTTPIngressRuleValue`) });
  derive(`${networks}.IngressSpec`, `${networks1}.IngressSpec`, { defaultBackend: undefined, backend: ref(`${networks}.IngressBackend`), rules: listOf(`${networks}.IngressRule`, { listType: 'atomic' }) });
  deriveKind('networking.k8s.io', networks, 'Ingress', `${networks1}.Ingress`, { spec: ref(`${networks}.IngressSpec`) });
  // The same one was served in two groups.
  const gvks = (kind: string) => ['extensions', 'networking.k8s.io'].map((group) => ({ group, version: 'v1beta1', kind }));
  for (const kind of ['Ingress', 'IngressList']) definitions[`${networks}.${kind}`] = { ...struct(`${networks}.${kind}`), gvk: gvks(kind) };

  const [slices, slices1] = ['io.k8s.api.discovery.v1beta1', 'io.k8s.api.discovery.v1'];
  derive(`${slices}.Endpoint`, `${slices1}.Endpoint`, { deprecatedTopology: undefined, zone: undefined, topology: { type: 'map', values: { type: 'string' } } });
  deriveKind('discovery.k8s.io', slices, 'EndpointSlice', `${slices1}.EndpointSlice`, { endpoints: listOf(`${slices}.Endpoint`, { required: true, listType: 'atomic' }) });

  const flows1 = 'io.k8s.api.flowcontrol.v1';
  for (const version of ['v1beta1', 'v1beta2']) {
    const flows = `io.k8s.api.flowcontrol.${version}`;
    derive(`${flows}.LimitedPriorityLevelConfiguration`, `${flows1}.LimitedPriorityLevelConfiguration`, { nominalConcurrencyShares: undefined, assuredConcurrencyShares: { type: 'int32' } });
    derive(`${flows}.PriorityLevelConfigurationSpec`, `${flows1}.PriorityLevelConfigurationSpec`, { limited: ref(`${flows}.LimitedPriorityLevelConfiguration`) });
    deriveKind('flowcontrol.apiserver.k8s.io', flows, 'PriorityLevelConfiguration', `${flows1}.PriorityLevelConfiguration`, { spec: ref(`${flows}.PriorityLevelConfigurationSpec`) });
  }

  const [reviews, reviews1] = ['io.k8s.api.authorization.v1beta1', 'io.k8s.api.authorization.v1'];
  derive(`${reviews}.SubjectAccessReviewSpec`, `${reviews1}.SubjectAccessReviewSpec`, { groups: undefined, group: struct(`${reviews1}.SubjectAccessReviewSpec`).properties['groups'] });
  for (const kind of ['SubjectAccessReview', 'LocalSubjectAccessReview']) deriveKind('authorization.k8s.io', reviews, kind, `${reviews1}.${kind}`, { spec: ref(`${reviews}.SubjectAccessReviewSpec`, { required: true }) });
}

