// What other servers serve through this one, as they tell it: a list of resources for each version of a group.
import type { Priority } from './priorities.ts';

/** An entry of an APIResourceList. */
export interface RemoteResource {
  /** `pods`, or `pods/log`. */
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

export interface RemoteVersion {
  readonly group: string;
  readonly version: string;
  readonly priority: Priority;
  readonly resources: readonly RemoteResource[];
  /** False: it is what was told last; the server cannot be asked now. */
  readonly isFresh: boolean;
}

/** As aggregated discovery has them: each with its subresources. */
export function describeRemote({ group, version, resources }: RemoteVersion): object[] {
  const responseOf = (resource: RemoteResource) => ({ group: resource.group || group, version: resource.version || version, kind: resource.kind });
  const entries = new Map<string, Record<string, unknown>>();
  for (const resource of resources) {
    if (resource.name.includes('/')) continue;
    const { name, singularName, namespaced, verbs, shortNames = [], categories = [] } = resource;
    entries.set(name, {
      resource: name,
      responseKind: responseOf(resource),
      scope: namespaced ? 'Namespaced' : 'Cluster',
      singularResource: singularName ?? '',
      verbs,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    });
  }
  for (const resource of resources) {
    const [parent = '', ...rest] = resource.name.split('/');
    if (rest.length === 0) continue;
    const { namespaced } = resource;
    // One that is only there under another's name is an entry without verbs of its own.
    const entry = entries.get(parent) ?? { resource: parent, responseKind: { group: '', version: '', kind: '' }, scope: namespaced ? 'Namespaced' : 'Cluster', singularResource: '', verbs: [] };
    entries.set(parent, entry);
    entry['subresources'] = [...((entry['subresources'] as object[] | undefined) ?? []), { subresource: rest.join('/'), responseKind: responseOf(resource), verbs: resource.verbs }];
  }
  return [...entries.values()];
}
