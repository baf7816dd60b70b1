// Who owns whom: every object of every kind, and the objects that name it as their owner. Kept up change by change.
import type { Resource } from '../../api/kind.ts';
import type { KubeObject } from '../../api/types.ts';

export interface GraphNode {
  readonly resource: Resource;
  readonly object: KubeObject;
}

/** Only UIDs count: an owner that was made anew under the same name is another one. */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  dependentsOf(uid: string): readonly GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].map((dependent) => this.#nodes.get(dependent)!);
  }

  put(resource: Resource, before: KubeObject | undefined, object: KubeObject): void {
    if (before && before.metadata.uid !== object.metadata.uid) this.remove(before);
    const { uid, ownerReferences } = object.metadata;
    const known = this.#nodes.get(uid)?.object.metadata.ownerReferences;
    this.#nodes.set(uid, { resource, object });
    if (known === ownerReferences) return;
    this.#unlink(uid, known);
    for (const { uid: owner } of ownerReferences ?? []) {
      const dependents = this.#dependents.get(owner);
      if (dependents) dependents.add(uid);
      else this.#dependents.set(owner, new Set([uid]));
    }
  }

  remove({ metadata }: KubeObject): void {
    this.#unlink(metadata.uid, this.#nodes.get(metadata.uid)?.object.metadata.ownerReferences);
    this.#nodes.delete(metadata.uid);
  }

  #unlink(uid: string, owners: KubeObject['metadata']['ownerReferences']): void {
    for (const { uid: owner } of owners ?? []) {
      const dependents = this.#dependents.get(owner);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner);
    }
  }
}
