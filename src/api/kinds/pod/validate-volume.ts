// The rules of a Pod's volumes.
import { dnsLabel, dnsSubdomain } from '../../names.ts';
import { compareQuantities, parseQuantity, quantityMessage } from '../../quantity.ts';
import type { PodSpec, Volume } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkPodCertificate, checkTrustBundle } from './validate-certificates.ts';
import { otherSources } from './validate-other-volumes.ts';
import { checkAnnotations, checkFileMode, checkFilePath, checkLabels, checkNoBacksteps } from '../validation/rules.ts';
import { checkClaimSpec } from '../volume/validate-claim-spec.ts';
import { checkFieldRef, checkResourceRef, fileFields } from './validate-env.ts';

export type Volumes = ReadonlyMap<string, Volume>;

/** Gives the volumes that may be mounted: those without fault. */
export function checkVolumes(report: Report, field: string, spec: PodSpec, podName: string | undefined): Volumes {
  const sound = new Map<string, Volume>();
  spec.volumes?.forEach((volume, index) => {
    const at = `${field}[${index}]`;
    const faults = report.causes.length;
    checkSource(report, at, volume);
    report.requiredName(`${at}.name`, volume.name, dnsLabel);
    if (sound.has(volume.name)) report.duplicate(`${at}.name`, volume.name);
    if (podName && volume.ephemeral) {
      const claim = `${podName}-${volume.name}`;
      for (const why of dnsSubdomain(claim)) report.invalid(`${at}.name`, volume.name, `PVC name ${JSON.stringify(claim)}: ${why}`);
    }
    if (report.causes.length === faults) sound.set(volume.name, volume);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim && podName && spec.volumes!.some((other) => other.ephemeral && `${podName}-${other.name}` === claim)) {
      report.invalid(`${at}.persistentVolumeClaim.claimName`, claim, 'must not reference a PVC that gets created for an ephemeral volume');
    }
  });
  return sound;
}

/** Of each kind of volume its own rules. */
const sources: { readonly [Source in keyof Volume]?: (report: Report, field: string, source: NonNullable<Volume[Source]>, volumeName: string) => void } = {
  emptyDir(report, field, { sizeLimit }) {
    if (!present(sizeLimit)) return;
    const size = parseQuantity(sizeLimit);
    if (!size) report.invalid(`${field}.sizeLimit`, sizeLimit, quantityMessage);
    else if (compareQuantities(size, zero) < 0) report.forbidden(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity');
  },
  hostPath(report, field, { path, type }) {
    if (!path) return report.required(`${field}.path`);
    checkNoBacksteps(report, `${field}.path`, path);
    report.word(`${field}.type`, type, hostPathTypes);
  },
  ...otherSources,
  secret(report, field, { secretName, items, defaultMode }) {
    if (!secretName) report.required(`${field}.secretName`);
    checkFileMode(report, `${field}.defaultMode`, defaultMode);
    checkItems(report, `${field}.items`, items);
  },
  configMap(report, field, { name, items, defaultMode }) {
    if (!name) report.required(`${field}.name`);
    checkFileMode(report, `${field}.defaultMode`, defaultMode);
    checkItems(report, `${field}.items`, items);
  },
  downwardAPI(report, field, { items, defaultMode }) {
    checkFileMode(report, `${field}.defaultMode`, defaultMode);
    for (const file of items ?? []) checkDownwardFile(report, field, file);
  },
  projected(report, field, source) {
    checkFileMode(report, `${field}.defaultMode`, source.defaultMode);
    checkProjections(report, field, source);
  },
  persistentVolumeClaim(report, field, { claimName }) {
    if (!claimName) report.required(`${field}.claimName`);
  },
  csi(report, field, { driver, nodePublishSecretRef: secret }) {
    if (!driver) report.required(`${field}.driver`);
    if (driver?.length > 63) report.tooLong(`${field}.driver`, 63);
    for (const why of dnsSubdomain((driver ?? '').toLowerCase())) report.invalid(`${field}.driver`, driver ?? '', why);
    if (secret && !secret.name) report.required(`${field}.nodePublishSecretRef.name`);
    else if (secret) report.follows(`${field}.name`, secret.name!, dnsSubdomain);
  },
  ephemeral(report, field, { volumeClaimTemplate }) {
    if (!volumeClaimTemplate) return report.required(`${field}.volumeClaimTemplate`);
    checkLabels(report, `${field}.volumeClaimTemplate.labels`, volumeClaimTemplate.metadata?.labels);
    checkAnnotations(report, `${field}.volumeClaimTemplate.annotations`, volumeClaimTemplate.metadata?.annotations);
    checkClaimSpec(report, `${field}.volumeClaimTemplate.spec`, volumeClaimTemplate.spec ?? {});
  },
  image(report, field, { reference, pullPolicy }) {
    if (!reference) report.required(`${field}.reference`);
    report.requiredWord(`${field}.pullPolicy`, pullPolicy, ['Always', 'IfNotPresent', 'Never']);
  },
};

const zero = { nano: 0n, format: 'DecimalSI' } as const;
const hostPathTypes = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'];

/** Upstream's: of several, the first is checked. */
const order: readonly (keyof Volume)[] = [
  ...(['emptyDir', 'hostPath', 'gitRepo', 'gcePersistentDisk', 'awsElasticBlockStore', 'secret', 'nfs', 'iscsi', 'glusterfs', 'flocker', 'persistentVolumeClaim'] as const),
  ...(['rbd', 'cinder', 'cephfs', 'quobyte', 'downwardAPI', 'fc', 'flexVolume', 'configMap', 'azureFile', 'vsphereVolume', 'photonPersistentDisk', 'portworxVolume'] as const),
  ...(['azureDisk', 'storageos', 'projected', 'scaleIO', 'csi', 'ephemeral', 'image'] as const),
];
/** Where upstream's path is not the field's name: when there is one too many, and when it is checked. */
const oneTooMany: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };
const checkedAt: Readonly<Record<string, string>> = { gcePersistentDisk: 'persistentDisk' };

function checkSource(report: Report, field: string, volume: Volume): void {
  const [first, ...others] = order.filter((source) => present(volume[source]));
  if (!first) return report.required(field, 'must specify a volume type');
  const check = sources[first] as ((report: Report, field: string, source: unknown, volumeName: string) => void) | undefined;
  check?.(report, `${field}.${checkedAt[first] ?? first}`, volume[first], volume.name);
  for (const other of others) report.forbidden(`${field}.${oneTooMany[other] ?? other}`, 'may not specify more than 1 volume type');
}

type Items = NonNullable<NonNullable<Volume['configMap']>['items']>;

function checkItems(report: Report, field: string, items: Items | undefined): void {
  items?.forEach((item, index) => {
    const at = `${field}[${index}]`;
    if (!item.key) report.required(`${at}.key`);
    if (item.path) checkFilePath(report, `${at}.path`, item.path);
    else report.required(`${at}.path`);
    checkFileMode(report, `${at}.mode`, item.mode);
  });
}

type DownwardFile = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number];

/** Upstream's paths name the volume, not the item. */
function checkDownwardFile(report: Report, field: string, file: DownwardFile): void {
  if (!file.path) report.required(`${field}.path`);
  checkFilePath(report, `${field}.path`, file.path ?? '');
  if (file.fieldRef) {
    checkFieldRef(report, `${field}.fieldRef`, file.fieldRef, fileFields);
    if (file.resourceFieldRef) report.invalid(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
  } else if (file.resourceFieldRef) checkResourceRef(report, `${field}.resourceFieldRef`, file.resourceFieldRef, { needsContainer: true });
  else report.required(field, 'one of fieldRef and resourceFieldRef is required');
  checkFileMode(report, `${field}.mode`, file.mode);
}

function checkProjections(report: Report, field: string, projected: NonNullable<Volume['projected']>): void {
  const taken = new Set<string>();
  const take = (path: string | undefined, shown: string) => {
    if (!path) return;
    if (taken.has(path)) report.invalid(field, shown, 'conflicting duplicate paths');
    taken.add(path);
  };
  projected.sources?.forEach((source, index) => {
    const at = `${field}.sources[${index}]`;
    for (const kind of ['secret', 'configMap'] as const) {
      const part = source[kind];
      if (!part) continue;
      if (!part.name) report.required(`${at}.${kind}.name`);
      checkItems(report, `${at}.${kind}.items`, part.items);
      for (const item of part.items ?? []) take(item.path, part.name ?? '');
    }
    for (const file of source.downwardAPI?.items ?? []) {
      checkDownwardFile(report, `${at}.downwardAPI`, file);
      take(file.path, file.path);
    }
    if (source.serviceAccountToken) {
      const { expirationSeconds = 3600, path } = source.serviceAccountToken;
      const expiry = `${at}.serviceAccountToken.expirationSeconds`;
      if (expirationSeconds < 600) report.invalid(expiry, expirationSeconds, 'may not specify a duration less than 10 minutes');
      if (expirationSeconds > 2 ** 32) report.invalid(expiry, expirationSeconds, 'may not specify a duration larger than 2^32 seconds');
      if (path) checkFilePath(report, `${field}.path`, path);
      else report.required(`${field}.path`);
    }
    const bundle = source.clusterTrustBundle;
    if (bundle) {
      checkTrustBundle(report, `${at}.clusterTrustBundle`, bundle);
      take(bundle.path, bundle.path);
    }
    if (source.podCertificate) {
      checkPodCertificate(report, `${at}.podCertificate`, source.podCertificate);
      const { credentialBundlePath, keyPath, certificateChainPath } = source.podCertificate;
      for (const path of [credentialBundlePath, keyPath, certificateChainPath]) take(path, path ?? '');
    }
    const kinds = [source.secret, source.configMap, source.downwardAPI, source.serviceAccountToken, bundle, source.podCertificate].filter(Boolean).length;
    if (kinds > 1) report.forbidden(at, 'may not specify more than 1 volume type per source');
  });
}
