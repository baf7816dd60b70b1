// What the API fills in where a Pod, or the template of one, says nothing.
import { canonicalQuantity, formatQuantity, parseQuantity, roundUpToMilli } from '../../quantity.ts';
import type { Container, EphemeralContainer, LifecycleHandler, Pod, PodSpec, PodTemplateSpec, Probe, Volume } from '../../types.ts';
import { defaultClaimSpec } from '../persistent-volume-claim.ts';
import { qosClass } from './resources.ts';
import { containerRequests, isPodLevel } from './validate-pod-resources.ts';

export function defaultPod(pod: Pod): void {
  pod.spec ??= {} as PodSpec;
  pod.status ??= {};
  defaultPodSpec(pod.spec);
  const { spec } = pod;
  spec.enableServiceLinks ??= true;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    const { resources } = container;
    if (resources?.limits) resources.requests = { ...resources.limits, ...resources.requests };
    if (spec.hostNetwork) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
  }
  if (spec.resources?.limits) defaultPodRequests(spec, spec.resources);
  // A Pod is its class for life; it is set here, where the requests are whole, and kept by updates.
  pod.status.qosClass ??= qosClass(spec);
}

/** What the Pod as a whole may use, it asks for: as much as its containers do, or where they say nothing, all of it. */
function defaultPodRequests(spec: PodSpec, resources: NonNullable<PodSpec['resources']>): void {
  const requests: Record<string, string> = { ...resources.requests };
  for (const [resource, amount] of containerRequests(spec)) {
    if (requests[resource] === undefined && (resource === 'cpu' || resource === 'memory')) requests[resource] = formatQuantity(amount);
  }
  for (const resource in resources.limits) if (isPodLevel(resource)) requests[resource] ??= resources.limits[resource]!;
  if (Object.keys(requests).length > 0) resources.requests = requests;
}

export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  if (!template) return;
  template.metadata ??= {};
  template.spec ??= {} as PodSpec;
  defaultPodSpec(template.spec);
}

function defaultPodSpec(spec: PodSpec): void {
  spec.restartPolicy ||= 'Always';
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.schedulerName ||= 'default-scheduler';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.securityContext ??= {};
  // The old name is kept beside the new one for old clients.
  if (spec.serviceAccountName || spec.serviceAccount) {
    spec.serviceAccountName ||= spec.serviceAccount;
    spec.serviceAccount = spec.serviceAccountName;
  }
  canonical(spec.overhead);
  if (spec.resources) {
    canonical(spec.resources.limits);
    canonical(spec.resources.requests);
  }
  spec.volumes?.forEach(defaultVolume);
  spec.initContainers?.forEach(defaultContainer);
  spec.containers?.forEach(defaultContainer);
  spec.ephemeralContainers?.forEach(defaultContainer);
}

function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image);
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  canonical(container.resources.limits);
  canonical(container.resources.requests);
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1';
    if (valueFrom?.fileKeyRef) valueFrom.fileKeyRef.optional ??= false;
    if (valueFrom?.resourceFieldRef) valueFrom.resourceFieldRef.divisor = canonicalQuantity(valueFrom.resourceFieldRef.divisor ?? '0');
  }
  defaultProbe(container.livenessProbe);
  defaultProbe(container.readinessProbe);
  defaultProbe(container.startupProbe);
  defaultHandler(container.lifecycle?.postStart);
  defaultHandler(container.lifecycle?.preStop);
  if (container.securityContext?.procMount === '') delete container.securityContext.procMount;
}

function defaultProbe(probe: Probe | undefined): void {
  if (!probe) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.grpc) probe.grpc.service ??= '';
  defaultHandler(probe);
}

function defaultHandler(handler: Pick<LifecycleHandler, 'httpGet'> | undefined): void {
  const get = handler?.httpGet;
  if (!get) return;
  get.path ||= '/';
  get.scheme ||= 'HTTP';
}

const fileMode = 0o644;

function defaultVolume(volume: Volume): void {
  const sources = Object.keys(volume).filter((key) => key !== 'name' && volume[key as keyof Volume]);
  if (sources.length === 0) volume.emptyDir = {};
  if (volume.emptyDir?.sizeLimit) volume.emptyDir.sizeLimit = canonicalQuantity(volume.emptyDir.sizeLimit);
  if (volume.hostPath) volume.hostPath.type ??= '';
  for (const source of [volume.secret, volume.configMap, volume.downwardAPI, volume.projected]) if (source) source.defaultMode ??= fileMode;
  volume.downwardAPI?.items?.forEach(defaultDownwardFile);
  for (const source of volume.projected?.sources ?? []) {
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
    if (source.podCertificate) source.podCertificate.maxExpirationSeconds ??= 86_400;
    source.downwardAPI?.items?.forEach(defaultDownwardFile);
  }
  defaultOtherVolume(volume);
  if (volume.image) volume.image.pullPolicy ||= pullPolicyOf(volume.image.reference);
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
  if (claim) defaultClaimSpec(claim);
}

/** Of storage that other systems hold. */
function defaultOtherVolume({ iscsi, rbd, azureDisk, scaleIO }: Volume): void {
  if (iscsi) iscsi.iscsiInterface ||= 'default';
  if (rbd) {
    rbd.pool ||= 'rbd';
    rbd.user ||= 'admin';
    rbd.keyring ||= '/etc/ceph/keyring';
  }
  if (azureDisk) {
    azureDisk.cachingMode ??= 'ReadWrite';
    azureDisk.kind ??= 'Shared';
    azureDisk.fsType ??= 'ext4';
    azureDisk.readOnly ??= false;
  }
  if (scaleIO) {
    scaleIO.storageMode ||= 'ThinProvisioned';
    scaleIO.fsType ||= 'xfs';
  }
}

function defaultDownwardFile(file: NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number]): void {
  if (file.fieldRef) file.fieldRef.apiVersion ||= 'v1';
  if (file.resourceFieldRef) file.resourceFieldRef.divisor = canonicalQuantity(file.resourceFieldRef.divisor ?? '0');
}

/** What is not named by a fixed tag or digest may change, and is pulled each time. */
function pullPolicyOf(image: string | undefined): 'Always' | 'IfNotPresent' {
  if (!image || image.includes('@')) return 'IfNotPresent';
  const name = image.slice(image.lastIndexOf('/') + 1);
  const tag = name.includes(':') ? name.slice(name.indexOf(':') + 1) : 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

/** Amounts are kept in their canonical form, no finer than thousandths; what is no amount is left for validation to refuse. */
function canonical(amounts: Record<string, string> | undefined): void {
  for (const resource in amounts) {
    if (short.test(amounts[resource]!)) continue;
    const parsed = parseQuantity(amounts[resource]!);
    if (parsed) amounts[resource] = formatQuantity(roundUpToMilli(parsed));
  }
}

/** Most amounts by far, and canonical as they are. */
const short = /^[1-9]\d{0,2}(m|k|M|G|Ki|Mi|Gi)?$/;
