// The rules of containers: ordinary ones, init containers and sidecars, ephemeral ones.
import { dnsLabel, headerName, portName } from '../../names.ts';
import type { Container, EphemeralContainer, LifecycleHandler, PodSpec, Probe } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkLocalPath, checkNoBacksteps, checkPortOrName, protocols } from '../validation/rules.ts';
import { isSidecar } from './resources.ts';
import { checkEnv, checkEnvFrom } from './validate-env.ts';
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
    checkHandlers(report, at, container, around);
    if (container.restartPolicy) report.forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers');
  });
  checkHostPorts(report, field, containers);
}

const notForInit = 'may not be set for init containers without restartPolicy=Always';

export function checkInitContainers(report: Report, field: string, around: Around): void {
  const names = new Set(around.spec.containers?.map(({ name }) => name));
  around.spec.initContainers?.forEach((container, index) => {
    const at = `${field}[${index}]`;
    checkCommon(report, at, container, around);
    report.word(`${at}.restartPolicy`, container.restartPolicy, ['Always']);
    if (names.has(container.name)) report.duplicate(`${at}.name`, container.name);
    else if (container.name) names.add(container.name);
    checkHostPorts(report, field, [container]);
    if (isSidecar(container)) return checkHandlers(report, at, container, around);
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
    for (const part of ['ports', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'resizePolicy'] as const) {
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
    else checkNoBacksteps(report, `${at}.devicePath`, devicePath);
    if (paths.has(devicePath)) report.invalid(`${at}.devicePath`, devicePath, 'must be unique');
    names.add(name);
    paths.add(devicePath);
    if (container.volumeMounts?.some((mount) => mount.name === name)) report.invalid(`${at}.name`, name, 'must not already exist in volumeMounts');
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

function checkHandlers(report: Report, field: string, container: Container, { spec }: Around): void {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  const graceSeconds = spec.terminationGracePeriodSeconds;
  if (lifecycle?.postStart) checkHandler(report, `${field}.lifecycle.postStart`, lifecycle.postStart, graceSeconds);
  if (lifecycle?.preStop) checkHandler(report, `${field}.lifecycle.preStop`, lifecycle.preStop, graceSeconds);
  if (lifecycle?.stopSignal && !spec.os?.name) report.forbidden(`${field}.lifecycle.stopSignal`, 'may not be set for containers with empty `spec.os.name`');
  checkProbe(report, `${field}.livenessProbe`, livenessProbe);
  checkProbe(report, `${field}.readinessProbe`, readinessProbe);
  checkProbe(report, `${field}.startupProbe`, startupProbe);
  for (const [name, probe] of [['livenessProbe', livenessProbe], ['startupProbe', startupProbe]] as const) {
    if (probe && probe.successThreshold !== 1) report.invalid(`${field}.${name}.successThreshold`, probe.successThreshold ?? 0, 'must be 1');
  }
  if (present(readinessProbe?.terminationGracePeriodSeconds)) {
    report.invalid(`${field}.readinessProbe.terminationGracePeriodSeconds`, readinessProbe.terminationGracePeriodSeconds, 'must not be set for readinessProbes');
  }
}

const probeNumbers = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const;

function checkProbe(report: Report, field: string, probe: Probe | undefined): void {
  if (!probe) return;
  checkHandler(report, field, probe, undefined);
  for (const number of probeNumbers) report.notNegative(`${field}.${number}`, probe[number]);
  const grace = probe.terminationGracePeriodSeconds;
  if (present(grace) && grace <= 0) report.invalid(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than 0');
}

type Handler = LifecycleHandler & Pick<Probe, 'grpc'>;

function checkHandler(report: Report, field: string, handler: Handler, graceSeconds: number | undefined): void {
  const given = (['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const).filter((type) => handler[type]);
  const [first, ...others] = given;
  if (!first) return report.required(field, 'must specify a handler type');
  for (const other of others) report.forbidden(`${field}.${other}`, 'may not specify more than 1 handler type');
  const at = `${field}.${first}`;
  switch (first) {
    case 'exec':
      if (!handler.exec!.command?.length) report.required(`${at}.command`);
      break;
    case 'httpGet': {
      const { path, port, scheme, httpHeaders } = handler.httpGet!;
      if (!path) report.required(`${at}.path`);
      checkPortOrName(report, `${at}.port`, port as number | string);
      report.requiredWord(`${at}.scheme`, scheme, ['HTTP', 'HTTPS']);
      for (const { name } of httpHeaders ?? []) report.follows(`${at}.httpHeaders`, name ?? '', headerName);
      break;
    }
    case 'tcpSocket':
      checkPortOrName(report, `${at}.port`, handler.tcpSocket!.port as number | string);
      break;
    case 'grpc':
      report.port(`${at}.port`, handler.grpc!.port);
      break;
    case 'sleep': {
      const seconds = handler.sleep!.seconds ?? 0;
      if (present(graceSeconds) && (seconds < 0 || seconds > graceSeconds)) {
        report.invalid(at, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`);
      }
    }
  }
}
