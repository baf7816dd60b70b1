// How many Pods of a kind are on each node, for the kinds that anyone has asked about. Counted once when first asked, and
// kept up with each Pod that comes or goes, so that no decision looks at all Pods.
import type { LabelMatcher } from '../api/selectors.ts';
import type { Pod } from '../api/types.ts';
import type { NodeView } from './node-view.ts';

export type LabelsOfNamespace = (name: string) => Readonly<Record<string, string>> | undefined;

/** Which Pods are meant. */
export interface Meaning {
  /** The same for all that mean the same Pods. */
  readonly key: string;
  /** Undefined: those of any namespace may be meant, which depends on its labels. */
  readonly namespaces: readonly string[] | undefined;
  /** A label that all of them have, if one is known: then the others need not be looked at. */
  readonly anchor?: Anchor;
  matches(pod: Pod, labelsOfNamespace: LabelsOfNamespace): boolean;
}

export interface Anchor {
  readonly key: string;
  readonly value: string;
}

/** Of the labels that a selector demands, the one that tells workloads apart, else the first; undefined: it demands none. */
export function anchorOf({ requirements = [] }: LabelMatcher): Anchor | undefined {
  const equal = requirements.filter(({ operator, values }) => (operator === '=' || operator === '==' || operator === 'in') && values.length === 1);
  const found = equal.find(({ key }) => key === 'pod-template-hash') ?? equal[0];
  return found && { key: found.key, value: found.values[0]! };
}

export type PerNode = ReadonlyMap<NodeView, number>;

interface Placed {
  readonly pod: Pod;
  readonly on: NodeView;
}

/** The Pods of a namespace with one value of a label, by UID, and the kinds that are all among them. */
interface File {
  readonly pods: Map<string, Placed>;
  readonly counted: Set<Counted>;
}

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
  /** By label key, for the keys that are anchors; then by namespace and value. */
  readonly #files = new Map<string, Map<string, File>>();
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
    this.#byKey.set(meaning.key, counted);
    const files = this.#filesOf(meaning);
    if (files) {
      for (const file of files) {
        file.counted.add(counted);
        for (const { pod, on } of file.pods.values()) if (meaning.matches(pod, this.#labelsOfNamespace)) count(counted, on, 1);
      }
      return counted.perNode;
    }
    for (const { needs, on } of this.#placed()) if (meaning.matches(needs.pod, this.#labelsOfNamespace)) count(counted, on, 1);
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
    for (const [key, files] of this.#files) this.#file(key, files, pod, on, by);
    for (const counted of this.#byNamespace.get(pod.metadata.namespace ?? '') ?? []) if (counted.meaning.matches(pod, this.#labelsOfNamespace)) count(counted, on, by);
    for (const counted of this.#anywhere) if (counted.meaning.matches(pod, this.#labelsOfNamespace)) count(counted, on, by);
  }

  /** Who is meant by labels of namespaces may be others now. */
  namespacesChanged(): void {
    for (const counted of this.#anywhere) this.#forget(counted);
  }

  /** Undefined: only a look at all Pods can tell them. */
  #filesOf({ anchor, namespaces }: Meaning): readonly File[] | undefined {
    if (!anchor || !namespaces) return undefined;
    let files = this.#files.get(anchor.key);
    if (!files) {
      this.#files.set(anchor.key, (files = new Map()));
      for (const { needs, on } of this.#placed()) this.#file(anchor.key, files, needs.pod, on, 1);
    }
    return namespaces.map((namespace) => fileIn(files, namespace, anchor.value));
  }

  #file(key: string, files: Map<string, File>, pod: Pod, on: NodeView, by: 1 | -1): void {
    const { uid, namespace = '', labels } = pod.metadata;
    const value = labels?.[key];
    if (value === undefined) return;
    const file = fileIn(files, namespace, value);
    if (by > 0) file.pods.set(uid, { pod, on });
    else file.pods.delete(uid);
    for (const counted of file.counted) if (counted.meaning.matches(pod, this.#labelsOfNamespace)) count(counted, on, by);
    if (file.pods.size + file.counted.size === 0) files.delete(fileKey(namespace, value));
  }

  #forget(counted: Counted): void {
    const { anchor } = counted.meaning;
    for (const namespace of (anchor && counted.meaning.namespaces) ?? []) {
      const files = this.#files.get(anchor!.key);
      const file = files?.get(fileKey(namespace, anchor!.value));
      file?.counted.delete(counted);
      if (file && file.pods.size + file.counted.size === 0) files!.delete(fileKey(namespace, anchor!.value));
    }

    this.#byKey.delete(counted.meaning.key);
    this.#anywhere.delete(counted);
    for (const namespace of counted.meaning.namespaces ?? []) {
      const there = this.#byNamespace.get(namespace);
      there?.delete(counted);
      if (there?.size === 0) this.#byNamespace.delete(namespace);
    }
  }
}

function fileIn(files: Map<string, File>, namespace: string, value: string): File {
  const key = fileKey(namespace, value);
  let file = files.get(key);
  if (!file) files.set(key, (file = { pods: new Map(), counted: new Set() }));
  return file;
}

function fileKey(namespace: string, value: string): string {
  return `${namespace}/${value}`;
}

function count({ perNode }: Counted, on: NodeView, by: 1 | -1): void {
  const now = (perNode.get(on) ?? 0) + by;
  if (now > 0) perNode.set(on, now);
  else perNode.delete(on);
}
