// Discovery in one document for `/api` and one for `/apis`.
import type { Kind } from '../kind.ts';
import { describeRemote, type RemoteVersion } from './remote.ts';
import { listedGroups, servedVersion, type ListedGroup, type ServedResource } from './served.ts';

export type DiscoveryVersion = 'v2' | 'v2beta1';

/** The media type of an answer, and what a client names in `Accept` to get it. */
export function discoveryMediaType(version: DiscoveryVersion, encoding = 'application/json'): string {
  return `${encoding};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
}

/** `/api` holds the core group, `/apis` all others. */
export function aggregatedDiscovery(path: '/api' | '/apis', version: DiscoveryVersion, kinds: readonly Kind[], remotes: readonly RemoteVersion[] = []): object {
  const groups = listedGroups(kinds, remotes).filter(({ group }) => (group === '') === (path === '/api'));
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items: groups.map((group) => describeGroup(group, kinds)) };
}

function describeGroup({ group, versions }: ListedGroup, kinds: readonly Kind[]) {
  return {
    metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
    versions: versions.map(({ version, remote }) =>
      remote
        ? { version, resources: describeRemote(remote), freshness: remote.isFresh ? 'Current' : 'Stale' }
        : { version, resources: servedVersion(group, version, kinds).resources.map(describeResource), freshness: 'Current' },
    ),
  };
}

function describeResource({ kind, verbs, response, subresources }: ServedResource) {
  return {
    resource: kind.plural,
    responseKind: response,
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs,
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(subresources.length > 0 ? { subresources: subresources.map((sub) => ({ subresource: sub.name, responseKind: sub.response, verbs: sub.verbs })) } : {}),
  };
}
