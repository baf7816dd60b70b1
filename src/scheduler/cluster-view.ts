// All nodes and the Pods on them, as the scheduler believes them to be: what the informers told, and what it has
// decided itself a moment ago (assumed). Kept up change by change, never rebuilt.
import type { Node, Pod } from '../api/types.ts';
import { NodeView } from './node-view.ts';
import { needsOf, type PodNeeds } from './pod-needs.ts';

export interface Placement {
  readonly needs: PodNeeds;
  readonly on: NodeView;
  readonly assumed: boolean;
}

export class ClusterView {
  readonly #byName = new Map<string, NodeView>();
  readonly #placements = new Map<string, Placement>();
  /** Placed Pods that keep others away from their neighbourhood. */
  readonly antiAffine = new Map<string, PodNeeds>();
  /** Asked when a Pod's affinity chooses namespaces by their labels. */
  readonly labelsOfNamespace: (name: string) => Readonly<Record<string, string>> | undefined;
  /** Nodes that are there. Replaced when one comes or goes. */
  nodes: readonly NodeView[] = [];

  constructor(labelsOfNamespace: ClusterView['labelsOfNamespace'] = () => undefined) {
    this.labelsOfNamespace = labelsOfNamespace;
  }

  setNode(node: Node): void {
    const view = this.#view(node.metadata.name);
    const isNew = !view.node;
    view.describe(node);
    if (isNew) this.nodes = [...this.nodes, view];
  }

  removeNode(name: string): void {
    const view = this.#byName.get(name);
    if (!view) return;
    view.describe(undefined);
    this.nodes = this.nodes.filter((other) => other !== view);
    this.#drop(view);
  }

  node(name: string): NodeView | undefined {
    return this.#byName.get(name);
  }

  /** Where the Pod with this UID is counted. */
  nodeOf(uid: string): NodeView | undefined {
    return this.#placements.get(uid)?.on;
  }

  isAssumed(uid: string): boolean {
    return this.#placements.get(uid)?.assumed ?? false;
  }

  /** Counts a Pod that is decided but not yet confirmed by the API. */
  assume(needs: PodNeeds, nodeName: string): void {
    this.#place(needs, nodeName, true);
  }

  /** A Pod that the API says is on a node. */
  confirm(pod: Pod): void {
    const nodeName = pod.spec.nodeName!;
    const before = this.#placements.get(pod.metadata.uid);
    // Nearly all changes are of its status, and what it needs is the same.
    const same = before?.on.name === nodeName && before.needs.pod.metadata.generation === pod.metadata.generation;
    this.#place(same ? { ...before.needs, pod } : needsOf(pod), nodeName, false);
  }

  remove(uid: string): void {
    const before = this.lift(uid);
    if (before) this.#drop(before.on);
  }

  /** Takes a Pod away to see what would be without it; `putBack` must follow. */
  lift(uid: string): Placement | undefined {
    const placement = this.#placements.get(uid);
    if (!placement) return undefined;
    this.#placements.delete(uid);
    this.antiAffine.delete(uid);
    placement.on.remove(placement.needs);
    return placement;
  }

  putBack({ needs, on, assumed }: Placement): void {
    this.#place(needs, on.name, assumed);
  }

  #place(needs: PodNeeds, nodeName: string, assumed: boolean): void {
    this.remove(needs.uid);
    const on = this.#view(nodeName);
    on.add(needs);
    this.#placements.set(needs.uid, { needs, on, assumed });
    if (needs.pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.length) this.antiAffine.set(needs.uid, needs);
  }

  #view(name: string): NodeView {
    let view = this.#byName.get(name);
    if (!view) this.#byName.set(name, (view = new NodeView(name)));
    return view;
  }

  #drop(view: NodeView): void {
    if (!view.node && view.pods.size === 0) this.#byName.delete(view.name);
  }
}
