// The rules of volumes that other systems hold: disks of clouds, network file systems, and storage whose makers are gone. No
// node mounts most of them any more, but what is wrong with one is still told by the API.
import { dnsLabel } from '../../names.ts';
import type { Volume } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkLocalPath } from '../validation/rules.ts';

type Checks = { readonly [Source in keyof Volume]?: (report: Report, field: string, source: NonNullable<Volume[Source]>, volumeName: string) => void };

/** Fields that must be there and not be empty. */
function needs(report: Report, field: string, parts: Readonly<Record<string, string | readonly unknown[] | undefined>>): void {
  for (const part in parts) if (!parts[part]?.length) report.required(`${field}.${part}`);
}

/** As upstream says it, though 0 is allowed. */
function checkPartition(report: Report, field: string, partition: number | undefined): void {
  if (present(partition) && (partition < 0 || partition > 255)) report.invalid(`${field}.partition`, partition, 'must be between 1 and 255, inclusive');
}

const initiators: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9\-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[a-zA-Z0-9]{16}$/,
  naa: /^naa.[a-zA-Z0-9]{32}$/,
};

function checkInitiator(report: Report, field: string, name: string): void {
  const pattern = Object.hasOwn(initiators, name.slice(0, 3)) ? initiators[name.slice(0, 3)] : undefined;
  if (!pattern) report.invalid(field, name, 'must be valid format starting with iqn, eui, or naa');
  else if (!pattern.test(name)) report.invalid(field, name, 'must be valid format');
}

const managedDisk = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const blobDisk = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

export const otherSources: Checks = {
  gitRepo(report, field, { repository, directory }) {
    needs(report, field, { repository });
    if (directory) checkLocalPath(report, `${field}.directory`, directory);
  },
  gcePersistentDisk(report, field, { pdName, partition }) {
    needs(report, field, { pdName });
    checkPartition(report, field, partition);
  },
  awsElasticBlockStore(report, field, { volumeID, partition }) {
    needs(report, field, { volumeID });
    checkPartition(report, field, partition);
  },
  nfs(report, field, { server, path }) {
    needs(report, field, { server, path });
    if (!path?.startsWith('/')) report.invalid(`${field}.path`, path ?? '', 'must be an absolute path');
  },
  iscsi(report, field, { targetPortal, iqn, lun, chapAuthDiscovery, chapAuthSession, secretRef, initiatorName }, volumeName) {
    needs(report, field, { targetPortal, iqn });
    if (iqn) checkInitiator(report, `${field}.iqn`, iqn);
    report.between(`${field}.lun`, lun, 0, 255);
    if ((chapAuthDiscovery || chapAuthSession) && !secretRef) report.required(`${field}.secretRef`);
    if (!present(initiatorName)) return;
    checkInitiator(report, `${field}.initiatorname`, initiatorName);
    if (`${volumeName}:${targetPortal}`.length > 64) {
      const why = 'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';
      report.invalid(`${field.slice(0, field.lastIndexOf('.'))}.name`, volumeName, why);
    }
  },
  glusterfs: (report, field, { endpoints, path }) => needs(report, field, { endpoints, path }),
  flocker(report, field, { datasetName, datasetUUID }) {
    if (!datasetName && !datasetUUID) report.required(field, 'one of datasetName and datasetUUID is required');
    if (datasetName && datasetUUID) report.invalid(field, 'resource', 'datasetName and datasetUUID can not be specified simultaneously');
    if (datasetName?.includes('/')) report.invalid(`${field}.datasetName`, datasetName, "must not contain '/'");
  },
  rbd: (report, field, { monitors, image }) => needs(report, field, { monitors, image }),
  cinder(report, field, { volumeID, secretRef }) {
    needs(report, field, { volumeID });
    if (secretRef) needs(report, `${field}.secretRef`, { name: secretRef.name });
  },
  cephfs: (report, field, { monitors }) => needs(report, field, { monitors }),
  quobyte(report, field, { registry, tenant = '', volume }) {
    const pairs = 'must be a host:port pair or multiple pairs separated by commas';
    if (!registry) report.required(`${field}.registry`, pairs);
    else if (tenant.length >= 65) report.required(`${field}.tenant`, 'must be a UUID and may not exceed a length of 64 characters');
    else if (registry.split(',').some((pair) => !/^(\[[^\]]*\]|[^:[\]]*):[^:]*$/.test(pair))) report.invalid(`${field}.registry`, registry, pairs);
    needs(report, field, { volume });
  },
  fc(report, field, { targetWWNs = [], wwids = [], lun }) {
    if (targetWWNs.length === 0 && wwids.length === 0) report.required(`${field}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both');
    if (targetWWNs.length > 0 && wwids.length > 0) report.invalid(`${field}.targetWWNs`, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously');
    if (targetWWNs.length > 0 && !present(lun)) report.required(`${field}.lun`, 'lun is required if targetWWNs is specified');
    else if (targetWWNs.length > 0) report.between(`${field}.lun`, lun, 0, 255);
  },
  flexVolume(report, field, { driver, options }) {
    needs(report, field, { driver });
    for (const key in options) {
      const domain = `.${key.split('/')[0]!.toLowerCase()}`;
      if (domain.endsWith('.kubernetes.io') || domain.endsWith('.k8s.io')) report.invalid(`${field}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved');
    }
  },
  azureFile: (report, field, { secretName, shareName }) => needs(report, field, { secretName, shareName }),
  vsphereVolume: (report, field, { volumePath }) => needs(report, field, { volumePath }),
  photonPersistentDisk: (report, field, { pdID }) => needs(report, field, { pdID }),
  portworxVolume: (report, field, { volumeID }) => needs(report, field, { volumeID }),
  azureDisk(report, field, { diskName, diskURI, cachingMode, kind }) {
    needs(report, field, { diskName, diskURI });
    report.word(`${field}.cachingMode`, cachingMode, ['None', 'ReadOnly', 'ReadWrite']);
    report.word(`${field}.kind`, kind, ['Dedicated', 'Managed', 'Shared']);
    if (kind === 'Managed' && !diskURI?.startsWith('/subscriptions/')) report.notSupported(`${field}.diskURI`, diskURI ?? '', [managedDisk]);
    if (present(kind) && kind !== 'Managed' && !diskURI?.startsWith('https://')) report.notSupported(`${field}.diskURI`, diskURI ?? '', [blobDisk]);
  },
  storageos(report, field, { volumeName, volumeNamespace, secretRef }) {
    report.requiredName(`${field}.volumeName`, volumeName, dnsLabel);
    if (volumeNamespace) report.follows(`${field}.volumeNamespace`, volumeNamespace, dnsLabel);
    if (secretRef) needs(report, `${field}.secretRef`, { name: secretRef.name });
  },
  scaleIO: (report, field, { gateway, system, volumeName }) => needs(report, field, { gateway, system, volumeName }),
};
