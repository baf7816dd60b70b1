// What is accepted of a Pod, or of a template of one, but is not as its writer will have meant it: told as warnings.
import { canonicalQuantity, parseQuantity } from '../../quantity.ts';
import type { Container, Pod, PodSpec, PodTemplateSpec, Volume } from '../../types.ts';
import { present } from '../validation/report.ts';
import { oldLabel } from '../validation/warnings.ts';
import { appArmorPrefix, everyContainer } from './validate-annotations.ts';

type Tell = (field: string, what: string) => void;

export function podWarnings({ metadata, spec }: Pod): string[] {
  return warningsOf('', metadata.annotations ?? {}, spec);
}

/** `field` is where the template stands: `spec.template`. */
export function templateWarnings(field: string, template: PodTemplateSpec | undefined): string[] {
  return template?.spec ? warningsOf(`${field}.`, template.metadata?.annotations ?? {}, template.spec) : [];
}

function warningsOf(at: string, annotations: Readonly<Record<string, string>>, spec: PodSpec): string[] {
  const warnings: string[] = [];
  const tell: Tell = (field, what) => warnings.push(`${at}${field}: ${what}`);
  const containers = everyContainer(spec);
  ofScheduling(tell, spec);
  ofAnnotations(tell, annotations, spec, containers, at !== '');
  spec.volumes?.forEach((volume, index) => ofVolume(tell, `spec.volumes[${index}]`, volume));
  repeated(spec.hostAliases?.map(({ ip }) => ip), (index, ip) => tell(`spec.hostAliases[${index}].ip`, `duplicate ip ${JSON.stringify(ip)}`));
  repeated(spec.imagePullSecrets?.map(({ name = '' }) => name), (index, name) => tell(`spec.imagePullSecrets[${index}].name`, `duplicate name ${JSON.stringify(name)}`));
  spec.imagePullSecrets?.forEach(({ name }, index) => !name && tell(`spec.imagePullSecrets[${index}].name`, 'invalid empty name ""'));
  ofBytes(tell, 'spec.overhead', spec.overhead);
  for (const { at: field, container } of containers) {
    ofBytes(tell, `${field}.resources.limits`, container.resources?.limits);
    ofBytes(tell, `${field}.resources.requests`, container.resources?.requests);
    ofEnv(tell, `${field}.env`, container.env);
  }
  ofPorts(tell, at, containers);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) tell('spec.terminationGracePeriodSeconds', 'must be >= 0; negative values are invalid and will be treated as 1');
  return warnings;
}

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
const matchesNone = 'a null labelSelector results in matching no pod';

function ofScheduling(tell: Tell, { nodeSelector, affinity, topologySpreadConstraints }: PodSpec): void {
  for (const key in nodeSelector) if (oldLabel(key)) tell(`spec.nodeSelector[${key}]`, oldLabel(key)!);
  const { nodeAffinity } = affinity ?? {};
  const terms = [
    ...(nodeAffinity?.[required]?.nodeSelectorTerms ?? []).map((term, index) => ({ at: `${required}.nodeSelectorTerms[${index}]`, term })),
    ...(nodeAffinity?.[preferred] ?? []).map(({ preference }, index) => ({ at: `${preferred}[${index}].preference`, term: preference })),
  ];
  for (const { at, term } of terms) {
    term.matchExpressions?.forEach(({ key }, index) => oldLabel(key) && tell(`spec.affinity.nodeAffinity.${at}.matchExpressions[${index}].key`, `${key} is ${oldLabel(key)}`));
  }
  topologySpreadConstraints?.forEach(({ topologyKey, labelSelector }, index) => {
    const at = `spec.topologySpreadConstraints[${index}]`;
    if (oldLabel(topologyKey)) tell(`${at}.topologyKey`, `${topologyKey} is ${oldLabel(topologyKey)}`);
    if (!labelSelector) tell(`${at}.labelSelector`, matchesNone);
  });
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    affinity?.[kind]?.[required]?.forEach(({ labelSelector }, index) => !labelSelector && tell(`spec.affinity.${kind}.${required}[${index}].labelSelector`, matchesNone));
    affinity?.[kind]?.[preferred]?.forEach(({ podAffinityTerm }, index) => !podAffinityTerm.labelSelector && tell(`spec.affinity.${kind}.${preferred}[${index}].podAffinityTerm.labelSelector`, matchesNone));
  }
}

const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod';
const gone: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};

function ofAnnotations(tell: Tell, annotations: Readonly<Record<string, string>>, { securityContext }: PodSpec, containers: readonly { container: Container }[], isTemplate: boolean): void {
  const tellOf = (key: string, what: string) => present(annotations[key]) && tell(`metadata.annotations[${key}]`, what);
  for (const key in gone) tellOf(key, gone[key]!);
  const field = 'non-functional in v1.27+; use the "seccompProfile" field instead';
  if (!securityContext?.seccompProfile) tellOf(seccompPod, field);
  for (const { container } of containers) {
    const own = container.securityContext;
    if (!own?.seccompProfile) tellOf(`container.${seccompPod.replace(/pod$/, '')}${container.name}`, field);
    const hasProfile = own?.appArmorProfile ?? securityContext?.appArmorProfile;
    if (isTemplate && !hasProfile) tellOf(`${appArmorPrefix}${container.name}`, 'deprecated since v1.30; use the "appArmorProfile" field instead');
  }
}

const oldVolumes: Readonly<Partial<Record<keyof Volume, string>>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};

function ofVolume(tell: Tell, field: string, volume: Volume): void {
  for (const source in oldVolumes) {
    const name = source as keyof Volume;
    if (volume[name]) tell(`${field}.${source === 'storageos' ? 'storageOS' : source}`, oldVolumes[name]!);
  }
}

/** Half a byte is none. */
function ofBytes(tell: Tell, field: string, amounts: Readonly<Record<string, string>> | undefined): void {
  for (const resource of ['memory', 'ephemeral-storage']) {
    const written = amounts?.[resource];
    const amount = written === undefined ? undefined : parseQuantity(written);
    if (amount && amount.nano % 1_000_000_000n !== 0n) tell(`${field}[${resource}]`, `fractional byte value ${JSON.stringify(canonicalQuantity(written!))} is invalid, must be an integer`);
  }
}

/** A second definition that builds on the first is meant; another one hides it. */
function ofEnv(tell: Tell, field: string, env: Container['env']): void {
  const names = new Set<string>();
  env?.forEach(({ name, value = '', valueFrom }, index) => {
    const itself = `$(${name})`;
    if (names.has(name) && (valueFrom || value === itself || !value.includes(itself))) tell(`${field}[${index}]`, `hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`);
    names.add(name);
  });
}

function ofPorts(tell: Tell, prefix: string, containers: readonly { at: string; container: Container }[]): void {
  const seen = new Map<string, { at: string; hostIP: string; hostPort: number }[]>();
  for (const { at, container } of containers) {
    container.ports?.forEach(({ name = '', containerPort, protocol, hostIP = '', hostPort = 0 }, index) => {
      const port = { at: `${at}.ports[${index}]`, hostIP, hostPort };
      if (hostIP && !hostPort) tell(port.at, `hostIP set without hostPort: {Name:${name} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`);
      const key = `${containerPort}/${protocol}`;
      const others = seen.get(key) ?? [];
      for (const other of others) {
        const how = overlap(port, other);
        if (how) tell(port.at, `${how} port definition with ${prefix}${other.at}`);
      }
      seen.set(key, [...others, port]);
    });
  }
}

function overlap(a: { hostIP: string; hostPort: number }, b: { hostIP: string; hostPort: number }): string | undefined {
  if (a.hostIP === b.hostIP && a.hostPort === b.hostPort) return 'duplicate';
  if (a.hostPort === 0 || b.hostPort === 0) return 'overlapping';
  return a.hostPort === b.hostPort && (a.hostIP === '') !== (b.hostIP === '') ? 'dangerously ambiguous' : undefined;
}

function repeated(texts: readonly string[] | undefined, tell: (index: number, text: string) => void): void {
  texts?.forEach((text, index) => texts.indexOf(text) < index && tell(index, text));
}
