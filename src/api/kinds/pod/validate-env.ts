// The rules of a container's environment, and of references to a Pod's own fields and resources.
import { configKey, dnsLabel, dnsSubdomain, environmentName, qualifiedName } from '../../names.ts';
import { canonicalQuantity, parseQuantity, quantityMessage } from '../../quantity.ts';
import type { Container, PodSpec } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkFilePath } from '../validation/rules.ts';
import { everyContainer } from './validate-annotations.ts';

type Env = NonNullable<Container['env']>[number];
type ValueFrom = NonNullable<Env['valueFrom']>;
type FieldRef = NonNullable<ValueFrom['fieldRef']>;
type ResourceRef = NonNullable<ValueFrom['resourceFieldRef']>;

const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

/** The fields that a file may show. */
export const fileFields = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];

export function checkEnv(report: Report, field: string, env: Container['env']): void {
  env?.forEach((variable, index) => {
    const at = `${field}[${index}]`;
    report.requiredName(`${at}.name`, variable.name, environmentName);
    if (variable.valueFrom) checkValueFrom(report, `${at}.valueFrom`, variable.valueFrom, variable.value);
  });
}

export function checkEnvFrom(report: Report, field: string, envFrom: Container['envFrom']): void {
  envFrom?.forEach(({ prefix, configMapRef, secretRef }, index) => {
    const at = `${field}[${index}]`;
    if (prefix) report.follows(`${at}.prefix`, prefix, environmentName);
    if (configMapRef) report.requiredName(`${at}.configMapRef.name`, configMapRef.name, dnsSubdomain);
    if (secretRef) report.requiredName(`${at}.secretRef.name`, secretRef.name, dnsSubdomain);
    if (!configMapRef && !secretRef) report.invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`');
    if (configMapRef && secretRef) report.invalid(field, '', 'may not have more than one field specified at a time');
  });
}

function checkValueFrom(report: Report, field: string, from: ValueFrom, value: string | undefined): void {
  if (from.fieldRef) checkFieldRef(report, `${field}.fieldRef`, from.fieldRef, envFields);
  if (from.resourceFieldRef) checkResourceRef(report, `${field}.resourceFieldRef`, from.resourceFieldRef, { needsContainer: false });
  for (const ref of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const key = from[ref];
    if (!key) continue;
    report.follows(`${field}.${ref}.name`, key.name ?? '', dnsSubdomain);
    report.requiredName(`${field}.${ref}.key`, key.key, configKey);
  }
  if (from.fileKeyRef) checkFileKey(report, `${field}.fileKeyRef`, from.fileKeyRef);
  const count = [from.fieldRef, from.resourceFieldRef, from.configMapKeyRef, from.secretKeyRef, from.fileKeyRef].filter(present).length;
  if (count === 0) report.invalid(field, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`');
  else if (value) report.invalid(field, '', 'may not be specified when `value` is not empty');
  else if (count > 1) report.invalid(field, '', 'may not have more than one field specified at a time');
}

function checkFileKey(report: Report, field: string, { volumeName, path, key }: NonNullable<ValueFrom['fileKeyRef']>): void {
  report.requiredName(`${field}.volumeName`, volumeName, dnsLabel);
  if (path) checkFilePath(report, `${field}.path`, path);
  else report.required(`${field}.path`);
  report.requiredName(`${field}.key`, key, environmentName);
}

/** Such a file is written by a container of the Pod, so it can only be where that may write before the others start. */
export function checkFileKeyVolumes(report: Report, field: string, spec: PodSpec): void {
  for (const { at, container } of everyContainer(spec, field)) {
    container.env?.forEach(({ valueFrom }, index) => {
      const name = valueFrom?.fileKeyRef?.volumeName;
      if (!name) return;
      const volume = spec.volumes?.find((each) => each.name === name);
      const path = `${at}.env[${index}].valueFrom.fileKeyRef.volumeName`;
      if (!volume) report.notFound(path, name);
      else if (!volume.emptyDir) report.invalid(path, name, 'must be the name of an emptyDir volume');
    });
  }
}

export function checkFieldRef(report: Report, field: string, ref: FieldRef, allowed: readonly string[]): void {
  if (!ref.apiVersion) return report.required(`${field}.apiVersion`);
  if (!ref.fieldPath) return report.required(`${field}.fieldPath`);
  // Its old name still stands for the node's.
  if (ref.fieldPath === 'spec.host' && allowed.includes('spec.nodeName')) return;
  const subscript = /^([^[]+)\['(.*)'\]$/s.exec(ref.fieldPath);
  if (ref.apiVersion !== 'v1') {
    return report.invalid(`${field}.fieldPath`, ref.fieldPath, `error converting fieldPath: unsupported pod version: ${ref.apiVersion}`);
  }
  if (subscript) {
    const [, path, key] = subscript;
    if (path === 'metadata.annotations') report.follows(field, key!.toLowerCase(), qualifiedName);
    else if (path === 'metadata.labels') report.follows(field, key!, qualifiedName);
    else report.invalid(`${field}.fieldPath`, ref.fieldPath, `error converting fieldPath: field label does not support subscript: ${ref.fieldPath}`);
  } else if (!knownFields.has(ref.fieldPath)) {
    report.invalid(`${field}.fieldPath`, ref.fieldPath, `error converting fieldPath: field label not supported: ${ref.fieldPath}`);
  } else if (!allowed.includes(ref.fieldPath)) report.notSupported(`${field}.fieldPath`, ref.fieldPath, allowed);
}

const knownFields = new Set([...envFields, ...fileFields, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase', 'spec.host']);

const resources = ['limits.cpu', 'limits.ephemeral-storage', 'limits.memory', 'requests.cpu', 'requests.ephemeral-storage', 'requests.memory'];

/** The divisors that each resource may be shown by, and how upstream calls it. */
const divisors: ReadonlyMap<string, { readonly name: string; readonly allowed: readonly string[] }> = (() => {
  const sizes = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];
  return new Map([
    ['cpu', { name: 'cpu', allowed: ['1m', '1'] }],
    ['memory', { name: 'memory', allowed: sizes }],
    ['ephemeral-storage', { name: 'local ephemeral storage', allowed: sizes }],
    ['hugepages', { name: 'hugepages', allowed: sizes }],
  ]);
})();

export function checkResourceRef(report: Report, field: string, ref: ResourceRef, { needsContainer }: { needsContainer: boolean }): void {
  if (needsContainer && !ref.containerName) report.required(`${field}.containerName`);
  else if (!ref.resource) report.required(`${field}.resource`);
  else if (!resources.includes(ref.resource) && !/^(limits|requests)\.hugepages-/.test(ref.resource)) {
    report.notSupported(`${field}.resource`, ref.resource, resources);
  }
  if (!present(ref.divisor)) return;
  const divisor = parseQuantity(ref.divisor);
  if (!divisor) return report.invalid(`${field}.divisor`, ref.divisor, quantityMessage);
  const kind = divisors.get((ref.resource ?? '').replace(/^(limits|requests)\./, '').replace(/^hugepages-.*/, 'hugepages'));
  if (divisor.nano === 0n || !kind || kind.allowed.includes(canonicalQuantity(ref.divisor))) return;
  const listed = kind.allowed.length > 2 ? kind.allowed.join(', ') : kind.allowed.join(' and ');
  report.invalid(`${field}.divisor`, ref.resource, `only divisor's values ${listed} are supported with the ${kind.name} resource`);
}
