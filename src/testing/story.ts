// Tells why something did not come about: what was looked at, how it is now, how it came to be, and what Events say; pure.
import type { KubeEvent, KubeObject, Pod } from '../api/types.ts';
import { timeText, type Remembered } from './history.ts';

/** What a condition has read. */
export interface LookedAt {
  readonly plural: string;
  readonly namespace?: string;
  /** Absent: all of them. */
  readonly name?: string;
}

const mostLines = 30;
const mostEvents = 20;

interface Version {
  readonly atMs: number;
  readonly plural: string;
  readonly name: string;
  readonly object: KubeObject | undefined;
}

/** With nothing looked at, the whole cluster is told of. */
export function storyOf(looked: readonly LookedAt[], remembered: readonly Remembered[]): string {
  const versions = remembered.map(versionOf);
  const about = withDependents(looked, versions);
  const timeline = changesOf(versions.filter((one) => about(one) && one.plural !== 'events' && one.plural !== 'leases'));
  const events = versions.filter(({ plural, object }) => plural === 'events' && object && about(involvedIn(object as KubeEvent)));
  return [
    ...section('what happened', timeline, mostLines),
    ...section('Events', events.map(({ atMs, object }) => eventLine(atMs, object as KubeEvent)), mostEvents),
  ].join('\n');
}

function section(title: string, lines: readonly string[], most: number): string[] {
  if (lines.length === 0) return [`${title}: nothing`];
  const left = lines.length - most;
  return [`${title}${left > 0 ? ` (the last ${most} of ${lines.length})` : ''}:`, ...lines.slice(-most).map((line) => `  ${line}`)];
}

/** Those looked at, and what they own, at any remove: a Deployment's ReplicaSets and their Pods. */
function withDependents(looked: readonly LookedAt[], versions: readonly Version[]): (one: Pick<Version, 'plural' | 'name'>) => boolean {
  if (looked.length === 0) return ({ plural }) => plural !== 'configmaps' && plural !== 'serviceaccounts';
  const matches = ({ plural, name }: Pick<Version, 'plural' | 'name'>) =>
    looked.some((one) => one.plural === plural && (one.name !== undefined ? name === (one.namespace ? `${one.namespace}/${one.name}` : one.name) : one.namespace === undefined || name.startsWith(`${one.namespace}/`)));
  const uids = new Set<string>();
  const names = new Set<string>();
  for (const version of versions) {
    const { object } = version;
    if (!object || version.plural === 'events') continue;
    if (!matches(version) && !object.metadata.ownerReferences?.some(({ uid }) => uids.has(uid))) continue;
    uids.add(object.metadata.uid);
    names.add(`${version.plural} ${version.name}`);
  }
  return (one) => matches(one) || names.has(`${one.plural} ${one.name}`);
}

/** One line for each change that shows in the summary. */
function changesOf(versions: readonly Version[]): string[] {
  const last = new Map<string, string>();
  const lines: string[] = [];
  for (const { atMs, plural, name, object } of versions) {
    const key = `${plural} ${name}`;
    const summary = object ? summaryOf(plural, object) : 'gone';
    if (last.get(key) === summary) continue;
    last.set(key, summary);
    lines.push(`${timeText(atMs)} ${key}: ${summary}`);
  }
  return lines;
}

function summaryOf(plural: string, object: KubeObject): string {
  const { spec = {}, status = {} } = object as unknown as { spec?: Record<string, unknown>; status?: Record<string, unknown> };
  const parts: string[] = [];
  if (object.metadata.deletionTimestamp) parts.push('ending');
  if (plural === 'pods') return [...parts, ...podParts(object as Pod)].join(', ');
  if (spec['replicas'] !== undefined) parts.push(`replicas ${String(status['readyReplicas'] ?? 0)} ready of ${String(spec['replicas'])}`);
  if (status['phase'] !== undefined) parts.push(String(status['phase']));
  for (const { type, status: value, reason } of (status['conditions'] as { type: string; status: string; reason?: string }[] | undefined) ?? []) {
    if (plural !== 'nodes' || type === 'Ready') parts.push(`${type}=${value}${reason && value !== 'True' ? ` (${reason})` : ''}`);
  }
  for (const { key, effect } of (spec['taints'] as { key: string; effect: string }[] | undefined) ?? []) parts.push(`${key}:${effect}`);
  return parts.length > 0 ? parts.join(', ') : `generation ${object.metadata.generation ?? 1}`;
}

function podParts({ spec, status }: Pod): string[] {
  const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return [
    `${status.phase ?? 'Pending'}${status.reason ? ` (${status.reason})` : ''}`,
    spec.nodeName ? `on ${spec.nodeName}` : 'on no node',
    ...(status.conditions ?? []).filter(({ type }) => type === 'Ready' || type === 'PodScheduled').filter(({ type, status: value }) => type === 'Ready' || value !== 'True').map(({ type, status: value, reason }) => `${type}=${value}${reason ? ` (${reason})` : ''}`),
    ...statuses.map(({ name, state = {}, restartCount }) => {
      const now = state.waiting ? `waiting (${state.waiting.reason ?? ''})` : state.terminated ? `ended ${state.terminated.exitCode} (${state.terminated.reason ?? ''})` : 'running';
      return `${name} ${now}${restartCount ? `, ${restartCount} restarts` : ''}`;
    }),
  ];
}

function eventLine(atMs: number, { type, reason, message, count, involvedObject: { kind, namespace, name } }: KubeEvent): string {
  return `${timeText(atMs)} ${type} ${reason} ${kind} ${namespace ? `${namespace}/` : ''}${name}: ${message}${(count ?? 1) > 1 ? ` (${count} times)` : ''}`;
}

function involvedIn({ involvedObject: { kind = '', namespace, name = '' } }: KubeEvent): Pick<Version, 'plural' | 'name'> {
  return { plural: `${kind.toLowerCase()}s`, name: namespace ? `${namespace}/${name}` : name };
}

function versionOf({ atMs, key, value }: Remembered): Version {
  const parts = key.split('/');
  return { atMs, plural: parts[1]!, name: parts.slice(2).join('/'), object: value === null ? undefined : (JSON.parse(value) as KubeObject) };
}
