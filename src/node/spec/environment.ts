// A container's environment, in Kubernetes' order: services, then envFrom, then env, which may refer to what came before.
import type { ConfigMap, Container, Pod, Secret, Service } from '../../api/types.ts';
import { ConfigError } from './config-error.ts';
import { fieldText, resourceText, type Allocatable, type PodFacts } from './downward.ts';
import { expand } from './expansion.ts';

/** The objects that the environment refers to; `undefined` where one is absent. */
export interface EnvironmentSources {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  readonly services: readonly Service[];
  readonly facts: PodFacts;
  readonly allocatable: Allocatable;
}

export function environmentOf(pod: Pod, container: Container, sources: EnvironmentSources): Map<string, string> {
  const namespace = pod.metadata.namespace ?? '';
  const result = new Map<string, string>();
  const serviceVariables = servicesAsVariables(pod, sources.services);

  for (const from of container.envFrom ?? []) {
    const [kind, ref, data] = from.configMapRef
      ? (['configmap', from.configMapRef, sources.configMap(from.configMapRef.name ?? '')?.data] as const)
      : (['secret', from.secretRef ?? {}, decoded(sources.secret(from.secretRef?.name ?? ''))] as const);
    const exists = kind === 'configmap' ? sources.configMap(ref.name ?? '') : sources.secret(ref.name ?? '');
    if (!exists) {
      if (ref.optional) continue;
      throw new ConfigError(`${kind} "${ref.name}" not found`);
    }
    for (const [key, value] of Object.entries(data ?? {})) result.set(`${from.prefix ?? ''}${key}`, value);
  }

  const visible = new Map([...serviceVariables, ...result]);
  for (const { name, value, valueFrom } of container.env ?? []) {
    const text = valueFrom ? valueOf(valueFrom) : expand(value ?? '', visible);
    if (text === undefined) continue;
    result.set(name, text);
    visible.set(name, text);
  }
  for (const [name, value] of serviceVariables) if (!result.has(name)) result.set(name, value);
  return result;

  function valueOf(from: NonNullable<NonNullable<Container['env']>[number]['valueFrom']>): string | undefined {
    if (from.fieldRef) return fieldText(pod, from.fieldRef.fieldPath, sources.facts);
    if (from.resourceFieldRef) {
      const { containerName, resource, divisor } = from.resourceFieldRef;
      return resourceText(pod, containerName || container.name, resource, divisor, sources.allocatable);
    }
    if (from.configMapKeyRef) {
      const { name = '', key, optional } = from.configMapKeyRef;
      const found = sources.configMap(name);
      if (!found && !optional) throw new ConfigError(`configmap "${name}" not found`);
      const text = found?.data?.[key];
      if (text === undefined && !optional) throw new ConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
      return text;
    }
    if (from.secretKeyRef) {
      const { name = '', key, optional } = from.secretKeyRef;
      const found = sources.secret(name);
      if (!found && !optional) throw new ConfigError(`secret "${name}" not found`);
      const text = found?.data?.[key];
      if (text === undefined && !optional) throw new ConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`);
      return text === undefined ? undefined : Buffer.from(text, 'base64').toString();
    }
    if ((from as { fileKeyRef?: object }).fileKeyRef) throw new ConfigError('environment variables from files (fileKeyRef) are not supported by this node');
    return '';
  }
}

/** The names of ConfigMaps and Secrets that a container's environment refers to. */
export function environmentReferences(container: Container): { configMaps: Set<string>; secrets: Set<string> } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const from of container.envFrom ?? []) {
    if (from.configMapRef?.name) configMaps.add(from.configMapRef.name);
    if (from.secretRef?.name) secrets.add(from.secretRef.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name) configMaps.add(valueFrom.configMapKeyRef.name);
    if (valueFrom?.secretKeyRef?.name) secrets.add(valueFrom.secretKeyRef.name);
  }
  return { configMaps, secrets };
}

/** `NAME_SERVICE_HOST` and its kin: for the Pod's namespace when service links are on, and always for the API's own. */
export function servicesAsVariables(pod: Pod, services: readonly Service[]): Map<string, string> {
  const variables = new Map<string, string>();
  const links = pod.spec.enableServiceLinks !== false;
  const master = services.find(({ metadata }) => metadata.namespace === 'default' && metadata.name === 'kubernetes');
  const own = links ? services.filter(({ metadata }) => metadata.namespace === pod.metadata.namespace) : [];
  for (const service of new Set(master ? [master, ...own] : own)) {
    const { clusterIP, ports = [] } = service.spec;
    const first = ports[0];
    if (!clusterIP || clusterIP === 'None' || !first) continue;
    const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP;
    const prefix = variableName(service.metadata.name);
    variables.set(`${prefix}_SERVICE_HOST`, clusterIP);
    variables.set(`${prefix}_SERVICE_PORT`, String(first.port));
    for (const port of ports) if (port.name) variables.set(`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
    variables.set(`${prefix}_PORT`, `${(first.protocol ?? 'TCP').toLowerCase()}://${host}:${first.port}`);
    for (const port of ports) {
      const protocol = port.protocol ?? 'TCP';
      const stem = `${prefix}_PORT_${port.port}_${protocol}`;
      variables.set(stem, `${protocol.toLowerCase()}://${host}:${port.port}`);
      variables.set(`${stem}_PROTO`, protocol.toLowerCase());
      variables.set(`${stem}_PORT`, String(port.port));
      variables.set(`${stem}_ADDR`, clusterIP);
    }
  }
  return variables;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

function decoded(secret: Secret | undefined): Record<string, string> | undefined {
  return secret && Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}
