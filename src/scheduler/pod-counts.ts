// How many Pods of a kind are on each node, for the kinds that anyone has asked about. Counted once when first asked, and
// kept up with each Pod that comes or goes, so that no decision looks at all Pods.
import type { Pod } from '../api/types.ts';
import type { NodeView } from './node-view.ts';

export type LabelsOfNamespace = (name: string) => Readonly<Record<string, string>> | undefined;

/** Which Pods are meant. */
export interface Meaning {
  /** The same for all that mean the same Pods. */
  readonly key: string;
  /** Undefined: those of any namespace may be meant, which depends on its labels. */
  readonly namespaces: readonly string[] | undefined;
  matches(pod: Pod, labelsOfNamespace: LabelsOfNamespace): boolean;
}

export type PerNode = ReadonlyMap<NodeView, number>;

interface Counted {
  readonly meaning: Meaning;
  readonly perNode: Map<NodeView, number>;
}

/** So many kinds are counted at once; the one that was not asked about for longest is dropped, and counted anew when asked. */
const mostKinds = 1024;

export class PodCounts {
  readonly #byKey = new Map<string, Counted>();
  readonly #byNamespace = new Map<string, Set<Counted>>();
  readonly #anywhere = new Set<Counted>();
  readonly #labelsOfNamespace: LabelsOfNamespace;
  readonly #placed: () => Iterable<{ readonly needs: { readonly pod: Pod }; readonly on: NodeView }>;

  constructor(labelsOfNamespace: LabelsOfNamespace, placed: () => Iterable<{ readonly needs: { readonly pod: Pod }; readonly on: NodeView }>) {
    this.#labelsOfNamespace = labelsOfNamespace;
    this.#placed = placed;
  }

  /** Only nodes that have some are listed. */
  of(meaning: Meaning): PerNode {
    const known = this.#byKey.get(meaning.key);
    if (known) {
      this.#byKey.delete(meaning.key);
      this.#byKey.set(meaning.key, known);
      return known.perNode;
    }
    if (this.#byKey.size >= mostKinds) this.#forget(this.#byKey.values().next().value!);
    const counted: Counted = { meaning, perNode: new Map() };
    for (const { needs, on } of this.#placed()) if (meaning.matches(needs.pod, this.#labelsOfNamespace)) count(counted, on, 1);
    this.#byKey.set(meaning.key, counted);
    if (!meaning.namespaces) this.#anywhere.add(counted);
    for (const namespace of meaning.namespaces ?? []) {
      const there = this.#byNamespace.get(namespace);
      if (there) there.add(counted);
      else this.#byNamespace.set(namespace, new Set([counted]));
    }
    return counted.perNode;
  }

  changed(pod: Pod, on: NodeView, by: 1 | -1): void {
    if (this.#byKey.size === 0) return;
    for (const counted of this.#byNamespace.get(pod.metadata.namespace ?? '') ?? []) if (counted.meaning.matches(pod, this.#labelsOfNamespace)) count(counted, on, by);
    for (const counted of this.#anywhere) if (counted.meaning.matches(pod, this.#labelsOfNamespace)) count(counted, on, by);
  }

  /** Who is meant by labels of namespaces may be others now. */
  namespacesChanged(): void {
    for (const counted of this.#anywhere) this.#forget(counted);
  }

  #forget(counted: Counted): void {
    this.#byKey.delete(counted.meaning.key);
    this.#anywhere.delete(counted);
    for (const namespace of counted.meaning.namespaces ?? []) {
      const there = this.#byNamespace.get(namespace);
      there?.delete(counted);
      if (there?.size === 0) this.#byNamespace.delete(namespace);
    }
  }
}

function count({ perNode }: Counted, on: NodeView, by: 1 | -1): void {
  const now = (perNode.get(on) ?? 0) + by;
  if (now > 0) perNode.set(on, now);
  else perNode.delete(on);
}
