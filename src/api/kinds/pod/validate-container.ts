// The rules of containers: ordinary ones, init containers and sidecars, ephemeral ones.
import { dnsLabel, portName } from '../../names.ts';
import type { Container, EphemeralContainer, PodSpec } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkLocalPath, protocols } from '../validation/rules.ts';
import { isSidecar } from './resources.ts';
import { checkEnv, checkEnvFrom } from './validate-env.ts';
import { checkHandlers } from './validate-handlers.ts';
import { checkResources } from './validate-resources.ts';
import { checkSecurityContext } from './validate-security.ts';
import type { Volumes } from './validate-volume.ts';

/** What the rules of a container need to know of its Pod. */
export interface Around {
  readonly spec: PodSpec;
  readonly volumes: Volumes;
  readonly claims: readonly string[];
}

export function checkContainers(report: Report, field: string, around: Around): void {
  const { containers = [] } = around.spec;
  if (containers.length === 0) return report.required(field);
  const names = new Set<string>();
  containers.forEach((container, index) => {
    const at = `${field}[${index}]`;
    checkCommon(report, at, container, around);
    if (names.has(container.name)) report.duplicate(`${at}.name`, container.name);
    names.add(container.name);
    checkHandlers(report, at, container, around.spec);
    checkRestarts(report, at, container);
  });
  checkHostPorts(report, field, containers);
}

const mostRules = 20;
const mostExitCodes = 255;

/** A container's own policy, and the exits that restart it whatever that says. */
function checkRestarts(report: Report, field: string, { restartPolicy, restartPolicyRules = [] }: Container): void {
  if (present(restartPolicy)) report.word(`${field}.restartPolicy`, restartPolicy, ['Always', 'Never', 'OnFailure']);
  else if (restartPolicyRules.length > 0) report.required(`${field}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
  const at = `${field}.restartPolicyRules`;
  if (restartPolicyRules.length > mostRules) report.tooMany(at, restartPolicyRules.length, mostRules);
  restartPolicyRules.forEach(({ action, exitCodes }, index) => {
    if (action !== 'Restart') report.notSupported(`${at}[${index}].action`, action ?? '', ['Restart']);
    if (!exitCodes) return report.required(`${at}[${index}].exitCodes`, 'must be specified');
    const { operator, values = [] } = exitCodes;
    if (operator !== 'In' && operator !== 'NotIn') report.notSupported(`${at}[${index}].exitCodes.operator`, operator ?? '', ['In', 'NotIn']);
    if (values.length > mostExitCodes) report.tooMany(`${at}[${index}].exitCodes.values`, values.length, mostExitCodes);
  });
}

const notForInit = 'may not be set for init containers without restartPolicy=Always';

export function checkInitContainers(report: Report, field: string, around: Around): void {
  const names = new Set(around.spec.containers?.map(({ name }) => name));
  around.spec.initContainers?.forEach((container, index) => {
    const at = `${field}[${index}]`;
    checkCommon(report, at, container, around);
    checkRestarts(report, at, container);
    if (names.has(container.name)) report.duplicate(`${at}.name`, container.name);
    else if (container.name) names.add(container.name);
    checkHostPorts(report, field, [container]);
    if (isSidecar(container)) return checkHandlers(report, at, container, around.spec);
    for (const part of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[part]) report.forbidden(`${at}.${part}`, notForInit);
    }
  });
}

const notForEphemeral = 'cannot be set for an Ephemeral Container';

export function checkEphemeralContainers(report: Report, field: string, around: Around): void {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = around.spec;
  const others = new Set([...containers, ...initContainers].map(({ name }) => name));
  const names = new Set(others);
  ephemeralContainers.forEach((container, index) => {
    const at = `${field}[${index}]`;
    checkCommon(report, at, container as Container, around);
    checkImageSpace(report, at, container);
    if (names.has(container.name)) report.duplicate(`${at}.name`, container.name);
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.has(target)) report.notFound(`${at}.targetContainerName`, target);
    for (const part of ['ports', 'resizePolicy', 'restartPolicy', 'restartPolicyRules', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const) {
      const value = container[part];
      if (Array.isArray(value) ? value.length > 0 : value) report.forbidden(`${at}.${part}`, notForEphemeral);
    }
    if (container.resources?.limits || container.resources?.requests) report.forbidden(`${at}.resources`, notForEphemeral);
    container.volumeMounts?.forEach((mount, mountIndex) => {
      for (const part of ['subPath', 'subPathExpr'] as const) {
        if (mount[part]) report.forbidden(`${at}.volumeMounts[${mountIndex}].${part}`, notForEphemeral);
      }
    });
  });
}

/** Templates may hold such an image, for clients that fill it in later; Pods may not. */
export function checkImageSpace(report: Report, field: string, { image }: Container | EphemeralContainer): void {
  if (image && image.trim() !== image) report.invalid(`${field}.image`, image, 'must not have leading or trailing whitespace');
}

function checkCommon(report: Report, field: string, container: Container, around: Around): void {
  report.requiredName(`${field}.name`, container.name, dnsLabel);
  if (!container.image) report.required(`${field}.image`);
  report.requiredWord(`${field}.terminationMessagePolicy`, container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError']);
  checkPorts(report, `${field}.ports`, container.ports);
  checkEnv(report, `${field}.env`, container.env);
  checkEnvFrom(report, `${field}.envFrom`, container.envFrom);
  checkMounts(report, `${field}.volumeMounts`, container, around.volumes);
  checkDevices(report, `${field}.volumeDevices`, container, around.volumes);
  report.requiredWord(`${field}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']);
  checkResources(report, `${field}.resources`, container.resources, around.claims);
  checkResizePolicy(report, `${field}.resizePolicy`, container, around.spec);
  checkSecurityContext(report, `${field}.securityContext`, container.securityContext, around.spec);
}

function checkPorts(report: Report, field: string, ports: Container['ports']): void {
  const names = new Set<string>();
  ports?.forEach((port, index) => {
    const at = `${field}[${index}]`;
    if (port.name) {
      const wrong = portName(port.name);
      for (const why of wrong) report.invalid(`${at}.name`, port.name, why);
      if (wrong.length === 0 && names.has(port.name)) report.duplicate(`${at}.name`, port.name);
      names.add(port.name);
    }
    if (port.containerPort) report.port(`${at}.containerPort`, port.containerPort);
    else report.required(`${at}.containerPort`);
    if (port.hostPort) report.port(`${at}.hostPort`, port.hostPort);
    report.requiredWord(`${at}.protocol`, port.protocol, protocols);
  });
}

function checkHostPorts(report: Report, field: string, containers: readonly Container[]): void {
  const taken = new Set<string>();
  containers.forEach((container, index) => {
    container.ports?.forEach(({ protocol, hostIP = '', hostPort }, portIndex) => {
      if (!hostPort) return;
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(key)) report.duplicate(`${field}[${index}].ports[${portIndex}].hostPort`, key);
      taken.add(key);
    });
  });
}

/** Where upstream leaves out the index of the mount, so do we. */
function checkMounts(report: Report, field: string, container: Container, volumes: Volumes): void {
  const paths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  container.volumeMounts?.forEach((mount, index) => {
    const at = `${field}[${index}]`;
    if (!mount.name) report.required(`${at}.name`);
    const volume = volumes.get(mount.name);
    if (!volume) report.notFound(`${at}.name`, mount.name ?? '');
    if (!mount.mountPath) report.required(`${at}.mountPath`);
    if (paths.has(mount.mountPath)) report.invalid(`${at}.mountPath`, mount.mountPath, 'must be unique');
    paths.add(mount.mountPath);
    if (devices.some(({ name }) => name === mount.name)) report.invalid(`${at}.name`, mount.name, 'must not already exist in volumeDevices');
    if (devices.some(({ devicePath }) => devicePath === mount.mountPath)) {
      report.invalid(`${at}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices');
    }
    if (mount.subPath) checkLocalPath(report, `${field}.subPath`, mount.subPath);
    if (mount.subPathExpr) {
      if (mount.subPath) report.invalid(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive');
      checkLocalPath(report, `${field}.subPathExpr`, mount.subPathExpr);
    }
    report.word(`${field}.mountPropagation`, mount.mountPropagation, ['Bidirectional', 'HostToContainer', 'None']);
    if (mount.mountPropagation === 'Bidirectional' && !container.securityContext?.privileged) {
      report.forbidden(`${field}.mountPropagation`, 'Bidirectional mount propagation is available only to privileged containers');
    }
    checkRecursiveReadOnly(report, `${field}.recursiveReadOnly`, mount);
  });
}

function checkRecursiveReadOnly(report: Report, field: string, mount: NonNullable<Container['volumeMounts']>[number]): void {
  const mode = mount.recursiveReadOnly;
  report.word(field, mode, ['Disabled', 'Enabled', 'IfPossible']);
  if (mode !== 'Enabled' && mode !== 'IfPossible') return;
  if (!mount.readOnly) report.forbidden(field, 'may only be specified when readOnly is true');
  if (mount.mountPropagation && mount.mountPropagation !== 'None') {
    report.forbidden(field, 'may only be specified when mountPropagation is None or not specified');
  }
}

function checkDevices(report: Report, field: string, container: Container, volumes: Volumes): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  container.volumeDevices?.forEach(({ name, devicePath }, index) => {
    const at = `${field}[${index}]`;
    const volume = volumes.get(name);
    if (!name) report.required(`${at}.name`);
    if (names.has(name)) report.invalid(`${at}.name`, name, 'must be unique');
    if (!volume) report.notFound(`${at}.name`, name ?? '');
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      report.invalid(`${at}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode');
    }
    if (!devicePath) report.required(`${at}.devicePath`);
    const climbs = devicePath?.split('/').includes('..');
    if (climbs) report.invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')");
    if (paths.has(devicePath)) report.invalid(`${at}.devicePath`, devicePath, 'must be unique');
    if (name) names.add(name);
    if (!climbs) paths.add(devicePath);
    if (container.volumeMounts?.some((mount) => mount.name === name)) report.invalid(`${at}.name`, name, 'must not already exist in volumeMounts');
    if (container.volumeMounts?.some((mount) => mount.mountPath === devicePath)) report.invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts');
  });
}

function checkResizePolicy(report: Report, field: string, { resizePolicy }: Container, spec: PodSpec): void {
  const seen = new Set<string>();
  resizePolicy?.forEach(({ resourceName, restartPolicy }, index) => {
    if (seen.has(resourceName)) report.duplicate(`${field}[${index}]`, resourceName);
    seen.add(resourceName);
    report.requiredWord(field, resourceName, ['cpu', 'memory']);
    report.requiredWord(field, restartPolicy, ['NotRequired', 'RestartContainer']);
    if (spec.restartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      report.invalid(field, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
    }
  });
}
