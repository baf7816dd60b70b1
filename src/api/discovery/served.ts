// What is served, as plain data: both forms of discovery, and OpenAPI's paths, are written from this.
import { createHash } from 'node:crypto';
import type { Kind } from '../kind.ts';
import type { GroupVersionKind } from '../schema/schema.ts';
import { priorityOf, type Priority } from './priorities.ts';
import type { RemoteVersion } from './remote.ts';

export interface ServedGroup {
  readonly group: string;
  /** The preferred version first. */
  readonly versions: readonly ServedVersion[];
}

export interface ServedVersion {
  readonly group: string;
  readonly version: string;
  readonly resources: readonly ServedResource[];
}

export interface ServedResource {
  readonly kind: Kind;
  readonly response: GroupVersionKind;
  readonly verbs: readonly string[];
  readonly storageVersionHash: string;
  readonly subresources: readonly ServedSubresource[];
}

export interface ServedSubresource {
  readonly name: string;
  readonly response: GroupVersionKind;
  readonly verbs: readonly string[];
}

const allVerbs: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** The core group first, then by their priority. */
export function servedGroups(kinds: readonly Kind[]): ServedGroup[] {
  return listedGroups(kinds, []).map(({ group, versions }) => ({ group, versions: versions.map(({ version }) => servedVersion(group, version, kinds)) }));
}

export interface ListedGroup {
  readonly group: string;
  /** The preferred version first; `remote`: it is another server's. */
  readonly versions: readonly { readonly version: string; readonly remote?: RemoteVersion }[];
}

/** The groups of this server and of those behind it; where both serve a version, it is theirs. */
export function listedGroups(kinds: readonly Kind[], remotes: readonly RemoteVersion[]): ListedGroup[] {
  interface Version {
    readonly version: string;
    readonly priority: Priority;
    readonly remote?: RemoteVersion;
  }
  const groups = new Map<string, Map<string, Version>>();
  const put = (group: string, version: Version) => {
    const versions = groups.get(group) ?? new Map<string, Version>();
    groups.set(group, versions.set(version.version, version));
  };
  for (const kind of kinds) put(kind.group, { version: kind.version, priority: priorityOf(kind) });
  for (const remote of remotes) put(remote.group, { version: remote.version, priority: remote.priority, remote });
  const listed = [...groups].map(([group, versions]) => ({
    group,
    priority: Math.max(...[...versions.values()].map(({ priority }) => priority.group)),
    versions: [...versions.values()].sort((a, b) => b.priority.version - a.priority.version || byPreference(a.version, b.version)),
  }));
  return listed.sort((a, b) => Number(a.group !== '') - Number(b.group !== '') || b.priority - a.priority || (a.group < b.group ? -1 : 1));
}

export function servedVersion(group: string, version: string, kinds: readonly Kind[]): ServedVersion {
  const own = kinds.filter((kind) => kind.group === group && kind.version === version);
  const resources = own.map(servedResource).sort((a, b) => (a.kind.plural < b.kind.plural ? -1 : 1));
  return { group, version, resources };
}

/** `v1` or `apps/v1`. */
export function groupVersion(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

function servedResource(kind: Kind): ServedResource {
  const response = { group: kind.group, version: kind.version, kind: kind.kind };
  return { kind, response, verbs: [...verbsOf(kind)].sort(), storageVersionHash: storageVersionHash(kind.storedAs?.resource ?? response), subresources: servedSubresources(kind, response) };
}

function verbsOf({ verbs, onlyOneByOne }: Kind): readonly string[] {
  return verbs ?? (onlyOneByOne ? allVerbs.filter((verb) => verb !== 'deletecollection') : allVerbs);
}

function servedSubresources(kind: Kind, response: GroupVersionKind): ServedSubresource[] {
  const found: ServedSubresource[] = [];
  for (const [name, { group, version, kind: of, verbs }] of Object.entries(kind.subresources ?? {})) {
    found.push({ name, response: { group, version, kind: of }, verbs: [...verbs].sort() });
  }
  for (const name of kind.connects ?? []) found.push(connected(name, kind, response));
  if (kind.hasStatus && !kind.subresources?.['status']) found.push({ name: 'status', response, verbs: ['get', 'patch', 'update'] });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function connected(name: string, kind: Kind, response: GroupVersionKind): ServedSubresource {
  const options: Record<string, string> = { exec: 'ExecOptions', attach: 'AttachOptions', portforward: 'PortForwardOptions', proxy: 'ProxyOptions' };
  const verbs = name === 'log' ? ['get'] : name === 'proxy' ? ['create', 'delete', 'get', 'patch', 'update'] : ['create', 'get'];
  return { name, verbs, response: options[name] ? { ...response, kind: kind.kind + options[name] } : response };
}

/** By this a client sees that objects have come to be stored in another version. */
function storageVersionHash({ group, version, kind }: GroupVersionKind): string {
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64');
}

/** v2 before v1 before v1beta2 before v1beta1 before v1alpha1. */
function byPreference(a: string, b: string): number {
  return rank(b) - rank(a);
}

function rank(version: string): number {
  const [, major = '0', stage, minor = '0'] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? [];
  const stability = stage === undefined ? 2 : stage === 'beta' ? 1 : 0;
  return stability * 1e6 + Number(major) * 1e3 + Number(minor);
}
