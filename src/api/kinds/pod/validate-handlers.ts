// The rules of what is done to a container while it lives: probes, hooks, and the signal that ends it.
import { headerName } from '../../names.ts';
import type { Container, LifecycleHandler, PodSpec, Probe } from '../../types.ts';
import { present, type Report } from '../validation/report.ts';
import { checkPortOrName } from '../validation/rules.ts';

export function checkHandlers(report: Report, field: string, container: Container, spec: PodSpec): void {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  const graceSeconds = spec.terminationGracePeriodSeconds;
  if (lifecycle?.postStart) checkHandler(report, `${field}.lifecycle.postStart`, lifecycle.postStart, graceSeconds);
  if (lifecycle?.preStop) checkHandler(report, `${field}.lifecycle.preStop`, lifecycle.preStop, graceSeconds);
  checkStopSignal(report, `${field}.lifecycle.stopSignal`, lifecycle?.stopSignal, spec.os?.name);
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

const realTime = Array.from({ length: 15 }, (_, index) => index + 1);
const windowsSignals = ['SIGKILL', 'SIGTERM'];
const linuxSignals = [
  'ABRT', 'ALRM', 'BUS', 'CHLD', 'CLD', 'CONT', 'FPE', 'HUP', 'ILL', 'INT', 'IO', 'IOT', 'KILL', 'PIPE', 'POLL', 'PROF', 'PWR', 'QUIT', 'RTMAX', 'RTMIN', 'SEGV', 'STKFLT', 'STOP', 'SYS', 'TERM', 'TRAP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'USR1', 'USR2', 'VTALRM', 'WINCH', 'XCPU', 'XFSZ',
  ...realTime.map((n) => `RTMIN+${n}`),
  ...realTime.slice(0, 14).map((n) => `RTMAX-${n}`),
]
  .map((name) => `SIG${name}`)
  .sort();

/** Which signals there are depends on the system that the container is for. */
function checkStopSignal(report: Report, field: string, signal: string | undefined, os: string | undefined): void {
  if (!present(signal)) return;
  if (!os) report.forbidden(field, 'may not be set for containers with empty `spec.os.name`');
  else if (os === 'linux' || os === 'windows') report.word(field, signal, os === 'linux' ? linuxSignals : windowsSignals);
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
