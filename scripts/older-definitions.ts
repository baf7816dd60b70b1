// Definitions of versions that upstream no longer publishes: most have the fields of a newer version, some were laid out otherwise.
import type { Definition, Field, Struct } from '../src/api/schema/schema.ts';

type Definitions = Record<string, Definition>;
type Texts = Record<string, Record<string, string>>;

const intOrString: Field = { type: 'ref', name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString' };

/** The folder of a group's definitions, the group, the newer version, the older ones, and their kinds. */
const sameShape: readonly (readonly [folder: string, group: string, newer: string, older: readonly string[], kinds: readonly string[]])[] = [
  ['authentication', 'authentication.k8s.io', 'v1', ['v1beta1'], ['SelfSubjectReview', 'TokenReview']],
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

  /** A field of a newer version that leads to an older definition. */
  const leadingTo = (from: string, field: string, name: string): Field => {
    const newer = struct(from).properties[field]!;
    return (newer.type === 'array' ? { ...newer, items: { type: 'ref', name } } : { ...newer, name }) as Field;
  };
  const optional = (from: string, field: string): Field => {
    const { required: _required, ...rest } = struct(from).properties[field]!;
    return rest as Field;
  };

  const [admission, admission1] = ['io.k8s.api.admissionregistration.v1beta1', 'io.k8s.api.admissionregistration.v1'];
  for (const kind of ['Mutating', 'Validating']) {
    const from = `${admission1}.${kind}Webhook`;
    derive(`${admission}.${kind}Webhook`, from, { sideEffects: optional(from, 'sideEffects'), admissionReviewVersions: optional(from, 'admissionReviewVersions') });
    deriveKind('admissionregistration.k8s.io', admission, `${kind}WebhookConfiguration`, `${from}Configuration`, { webhooks: leadingTo(`${from}Configuration`, 'webhooks', `${admission}.${kind}Webhook`) });
  }

  defineMetricSources();
  const [scaling, scaling2] = ['io.k8s.api.autoscaling.v2beta1', 'io.k8s.api.autoscaling.v2'];
  derive(`${scaling}.HorizontalPodAutoscalerSpec`, `${scaling2}.HorizontalPodAutoscalerSpec`, { behavior: undefined, metrics: leadingTo(`${scaling2}.HorizontalPodAutoscalerSpec`, 'metrics', `${scaling}.MetricSpec`) });
  derive(`${scaling}.HorizontalPodAutoscalerStatus`, `${scaling2}.HorizontalPodAutoscalerStatus`, { currentMetrics: leadingTo(`${scaling2}.HorizontalPodAutoscalerStatus`, 'currentMetrics', `${scaling}.MetricStatus`) });
  deriveKind('autoscaling', scaling, 'HorizontalPodAutoscaler', `${scaling2}.HorizontalPodAutoscaler`, { spec: ref(`${scaling}.HorizontalPodAutoscalerSpec`), status: ref(`${scaling}.HorizontalPodAutoscalerStatus`) });

  /** In v2beta1 names, selectors and amounts of a metric stand side by side. */
  function defineMetricSources(): void {
    const at = 'io.k8s.api.autoscaling.v2beta1';
    const text: Field = { type: 'string' };
    const quantity = ref('io.k8s.apimachinery.pkg.api.resource.Quantity');
    const selector = ref('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector');
    const percent: Field = { type: 'int32' };
    const needed = (field: Field): Field => ({ ...field, required: true }) as Field;
    const target = ref(`${at}.CrossVersionObjectReference`, { required: true });
    derive(`${at}.CrossVersionObjectReference`, 'io.k8s.api.autoscaling.v2.CrossVersionObjectReference', {});
    const both = (name: string, spec: Record<string, Field>, status: Record<string, Field>) => {
      put(`${at}.${name}Source`, { properties: spec }, undefined);
      put(`${at}.${name}Status`, { properties: status }, undefined);
    };
    both('ObjectMetric', { target, metricName: needed(text), targetValue: needed(quantity), selector, averageValue: quantity }, { target, metricName: needed(text), currentValue: needed(quantity), selector, averageValue: quantity });
    both('PodsMetric', { metricName: needed(text), targetAverageValue: needed(quantity), selector }, { metricName: needed(text), currentAverageValue: needed(quantity), selector });
    const ofResource = { targetAverageUtilization: percent, targetAverageValue: quantity };
    const nowOfResource = { currentAverageUtilization: percent, currentAverageValue: needed(quantity) };
    both('ResourceMetric', { name: needed(text), ...ofResource }, { name: needed(text), ...nowOfResource });
    both('ContainerResourceMetric', { name: needed(text), ...ofResource, container: needed(text) }, { name: needed(text), ...nowOfResource, container: needed(text) });
    both('ExternalMetric', { metricName: needed(text), metricSelector: selector, targetValue: quantity, targetAverageValue: quantity }, { metricName: needed(text), metricSelector: selector, currentValue: needed(quantity), currentAverageValue: quantity });
    for (const [name, end] of [['MetricSpec', 'Source'], ['MetricStatus', 'Status']] as const) {
      const sources = ['Object', 'Pods', 'Resource', 'ContainerResource', 'External'].map((one) => [one[0]!.toLowerCase() + one.slice(1), ref(`${at}.${one}Metric${end}`)]);
      put(`${at}.${name}`, { properties: { type: needed(text), ...Object.fromEntries(sources) } }, undefined);
    }
  }

  const [extensions, extensions1] = ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1beta1', 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1'];
  const ofVersion = (field: string): Field => optional(`${extensions1}.CustomResourceDefinitionVersion`, field);
  derive(`${extensions}.CustomResourceColumnDefinition`, `${extensions1}.CustomResourceColumnDefinition`, { jsonPath: undefined, JSONPath: { type: 'string', required: true } });
  derive(`${extensions}.CustomResourceConversion`, `${extensions1}.CustomResourceConversion`, { webhook: undefined, webhookClientConfig: ref(`${extensions1}.WebhookClientConfig`), conversionReviewVersions: { type: 'array', items: { type: 'string' } } });
  const columns = listOf(`${extensions}.CustomResourceColumnDefinition`);
  derive(`${extensions}.CustomResourceDefinitionVersion`, `${extensions1}.CustomResourceDefinitionVersion`, { additionalPrinterColumns: columns });
  derive(`${extensions}.CustomResourceDefinitionSpec`, `${extensions1}.CustomResourceDefinitionSpec`, {
    additionalPrinterColumns: columns, conversion: ref(`${extensions}.CustomResourceConversion`), scope: { type: 'string' }, selectableFields: ofVersion('selectableFields'),
    subresources: ofVersion('subresources'), validation: ofVersion('schema'), version: { type: 'string' }, versions: listOf(`${extensions}.CustomResourceDefinitionVersion`),
  });
  deriveKind('apiextensions.k8s.io', extensions, 'CustomResourceDefinition', `${extensions1}.CustomResourceDefinition`, { spec: ref(`${extensions}.CustomResourceDefinitionSpec`, { required: true }) });
}

