// The rules of what a Pod for Linux, or one for Windows, may say, and of the options that only Windows has.
import { dnsSubdomain } from '../../names.ts';
import type { Container, PodSpec } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { everyContainer } from './validate-annotations.ts';

type WindowsOptions = NonNullable<NonNullable<Container['securityContext']>['windowsOptions']>;

export function checkOs(report: Report, field: string, spec: PodSpec): void {
  if (!spec.os) return;
  if (!spec.os.name) report.required(`${field}.os.name`, 'cannot be empty');
  else if (spec.os.name === 'linux') checkLinux(report, field, spec);
  else if (spec.os.name === 'windows') checkWindows(report, field, spec);
  else report.notSupported(`${field}.os`, spec.os.name, ['linux', 'windows']);
}

function checkLinux(report: Report, field: string, spec: PodSpec): void {
  const why = 'windows options cannot be set for a linux pod';
  if (spec.securityContext?.windowsOptions) report.forbidden(`${field}.securityContext.windowsOptions`, why);
  for (const { at, container } of everyContainer(spec, field)) if (container.securityContext?.windowsOptions) report.forbidden(`${at}.securityContext.windowsOptions`, why);
}

const ofPod = ['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'fsGroup', 'fsGroupChangePolicy', 'sysctls', 'runAsUser', 'runAsGroup', 'supplementalGroups', 'supplementalGroupsPolicy', 'seLinuxChangePolicy'] as const;
const ofContainer = ['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'capabilities', 'readOnlyRootFilesystem', 'privileged', 'allowPrivilegeEscalation', 'procMount', 'runAsUser', 'runAsGroup'] as const;

/** What Linux alone has. */
function checkWindows(report: Report, field: string, spec: PodSpec): void {
  const why = 'cannot be set for a windows pod';
  for (const part of ['hostUsers', 'shareProcessNamespace'] as const) if (present(spec[part])) report.forbidden(`${field}.${part}`, why);
  for (const part of ['hostPID', 'hostIPC'] as const) if (spec[part]) report.forbidden(`${field}.${part}`, why);
  const security = spec.securityContext ?? {};
  for (const part of ofPod) {
    const isSet = part === 'sysctls' ? (security.sysctls?.length ?? 0) > 0 : present(security[part]);
    if (isSet) report.forbidden(`${field}.securityContext.${part}`, why);
  }
  for (const { at, container } of everyContainer(spec, field)) {
    for (const part of ofContainer) if (present(container.securityContext?.[part])) report.forbidden(`${at}.securityContext.${part}`, why);
  }
}

/** A Pod of host processes has nothing else in it, and is on the node's network. */
export function checkHostProcess(report: Report, field: string, spec: PodSpec): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess ?? undefined;
  const containers = everyContainer(spec, field);
  let count = 0;
  for (const { at, container } of containers) {
    const own = container.securityContext?.windowsOptions?.hostProcess ?? undefined;
    if (ofPod !== undefined && own !== undefined && own !== ofPod) {
      report.invalid(`${at}.securityContext.windowsOptions.hostProcess`, own, `pod hostProcess value must be identical if both are specified, was ${ofPod}`);
    }
    if (own ?? ofPod) count++;
  }
  if (count === 0) return;
  if (count !== containers.length) report.invalid(field, '', 'If pod contains any hostProcess containers then all containers must be HostProcess containers');
  if (!spec.hostNetwork) report.invalid(`${field}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers');
}

const specKiB = 64;
const longestDomain = 256;
const longestUser = 104;
const netBios = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dns = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

export function checkWindowsOptions(report: Report, field: string, options: WindowsOptions | undefined): void {
  if (!options) return;
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  if (present(gmsaCredentialSpecName)) report.follows(`${field}.gmsaCredentialSpecName`, gmsaCredentialSpecName, dnsSubdomain);
  if (gmsaCredentialSpec === '') report.invalid(`${field}.gmsaCredentialSpec`, '', 'gmsaCredentialSpec cannot be an empty string');
  if (present(gmsaCredentialSpec) && Buffer.byteLength(gmsaCredentialSpec) > specKiB * 1024) {
    report.invalid(`${field}.gmsaCredentialSpec`, gmsaCredentialSpec, `gmsaCredentialSpec size must be under ${specKiB} KiB`);
  }
  if (present(runAsUserName)) for (const why of userNameFaults(runAsUserName)) report.invalid(`${field}.runAsUserName`, runAsUserName, why);
}

/** `USER` or `DOMAIN\USER`. */
function userNameFaults(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  if (/[\x00-\x1f\x7f]/.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const user = parts.at(-1)!;
  const domain = parts.length === 2 ? parts[0] : undefined;
  return [
    ...(domain !== undefined && domain.length >= longestDomain ? [`runAsUserName's Domain length must be under ${longestDomain} characters`] : []),
    ...(domain !== undefined && !netBios.test(domain) && !dns.test(domain) ? ["runAsUserName's Domain doesn't match the NetBios nor the DNS format"] : []),
    ...(user === '' ? ["runAsUserName's User cannot be empty"] : []),
    ...(user.length > longestUser ? [`runAsUserName's User length must not be longer than ${longestUser} characters`] : []),
    ...(/^[. ]+$/.test(user) ? ["runAsUserName's User cannot contain only periods or spaces"] : []),
    ...(/["/\\:;|=,+*?<>@[\]]/.test(user) ? ['runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]'] : []),
  ];
}
