// Discovery as one document for each path, as clients before aggregated discovery read it.
import type { Kind } from '../kind.ts';
import type { RemoteVersion } from './remote.ts';
import { groupVersion, listedGroups, servedVersion, type ListedGroup, type ServedResource } from './served.ts';

/** `/api`. `serverAddress` is `HOST:PORT` as clients reach it. */
export function apiVersions(serverAddress: string): object {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }] };
}

/** `/apis`. */
export function apiGroupList(kinds: readonly Kind[], remotes: readonly RemoteVersion[] = []): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: named(kinds, remotes).map(describeGroup) };
}

/** `/apis/GROUP`; undefined when nothing of the group is served. */
export function apiGroup(group: string, kinds: readonly Kind[], remotes: readonly RemoteVersion[] = []): object | undefined {
  const found = named(kinds, remotes).find((served) => served.group === group);
  return found && { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(found) };
}

/** `/api/v1` (group '') and `/apis/GROUP/VERSION`; undefined when nothing of it is served. */
export function apiResourceList(group: string, version: string, kinds: readonly Kind[]): object | undefined {
  const { resources } = servedVersion(group, version, kinds);
  if (resources.length === 0) return undefined;
  const head = group === '' ? { kind: 'APIResourceList' } : { kind: 'APIResourceList', apiVersion: 'v1' };
  return { ...head, groupVersion: groupVersion(group, version), resources: resources.flatMap(describeResource) };
}

function named(kinds: readonly Kind[], remotes: readonly RemoteVersion[]): ListedGroup[] {
  return listedGroups(kinds, remotes).filter(({ group }) => group !== '');
}

function describeGroup({ group, versions }: ListedGroup) {
  const described = versions.map(({ version }) => ({ groupVersion: groupVersion(group, version), version }));
  return { name: group, versions: described, preferredVersion: described[0] };
}

function describeResource({ kind, verbs, storageVersionHash, response, subresources }: ServedResource) {
  const own = {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs,
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(kind.verbs ? {} : { storageVersionHash }),
  };
  const under = subresources.map((sub) => {
    const isForeign = sub.response.group !== response.group || sub.response.version !== response.version;
    return {
      name: `${kind.plural}/${sub.name}`,
      singularName: '',
      namespaced: kind.namespaced,
      ...(isForeign ? { group: sub.response.group, version: sub.response.version } : {}),
      kind: sub.response.kind,
      verbs: sub.verbs,
    };
  });
  return [own, ...under];
}
