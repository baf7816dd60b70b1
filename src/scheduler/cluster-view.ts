// All nodes and the Pods on them, as the scheduler believes them to be: what the informers told, and what it has
// decided itself a moment ago (assumed). Kept up change by change, never rebuilt.
import { sameJson } from '../api/meta.ts';
import type { LabelMatcher } from '../api/selectors.ts';
import type { Node, Pod } from '../api/types.ts';
import { NodeView } from './node-view.ts';
import { PlacedTerms } from './placed-terms.ts';
import { PodCounts, type LabelsOfNamespace } from './pod-counts.ts';
import { needsOf, type PodNeeds } from './pod-needs.ts';
import { VolumeView } from './volumes/volume-view.ts';

export interface Placement {
  readonly needs: PodNeeds;
  readonly on: NodeView;
  readonly assumed: boolean;
}

export class ClusterView {
  readonly #byName = new Map<string, NodeView>();
  readonly #placements = new Map<string, Placement>();
  /** Pods that wait for a node to be cleared for them, by its name. */
  readonly #nominated = new Map<string, Map<string, PodNeeds>>();
  readonly #nominations = new Map<string, string>();
  /** Asked when a Pod's affinity chooses namespaces by their labels. */
  readonly labelsOfNamespace: LabelsOfNamespace;
  readonly counts: PodCounts;
  readonly placedTerms = new PlacedTerms();
  /** On how many nodes an image is, by each of its names. */
  readonly nodesWithImage = new Map<string, number>();
  /** Which Pods are a group with this one, where it does not say itself how they are to be spread; undefined: none. */
  groupOf: (pod: Pod) => LabelMatcher | undefined = () => undefined;
  /** Nodes that are there. Replaced when one comes or goes. */
  nodes: readonly NodeView[] = [];

  readonly volumes: VolumeView;

  constructor(labelsOfNamespace: LabelsOfNamespace = () => undefined, volumes = new VolumeView()) {
    this.labelsOfNamespace = labelsOfNamespace;
    this.volumes = volumes;
    this.counts = new PodCounts(labelsOfNamespace, () => this.#placements.values());
  }

  /** How much there is of what. */
  get sizes(): { readonly nodes: number; readonly pods: number; readonly assumed_pods: number } {
    let assumed = 0;
    for (const placement of this.#placements.values()) if (placement.assumed) assumed++;
    return { nodes: this.nodes.length, pods: this.#placements.size, assumed_pods: assumed };
  }

  setNode(node: Node): NodeView {
    const view = this.#view(node.metadata.name);
    const isNew = !view.node;
    this.#describe(view, node);
    if (isNew) this.nodes = [...this.nodes, view];
    return view;
  }

  removeNode(name: string): void {
    const view = this.#byName.get(name);
    if (!view) return;
    this.#describe(view, undefined);
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
    this.withdraw(needs.uid);
    this.#place(needs, nodeName, true);
  }

  /** A Pod that the API says is on a node. */
  confirm(pod: Pod): void {
    const { uid, generation, labels, deletionTimestamp } = pod.metadata;
    const nodeName = pod.spec.nodeName!;
    this.withdraw(uid);
    const before = this.#placements.get(uid);
    if (before?.on.name !== nodeName || before.needs.pod.metadata.generation !== generation) return this.#place(needsOf(pod), nodeName, false);
    const was = before.needs.pod.metadata;
    // Nearly all changes are of its status, and what it needs is the same.
    const needs = { ...before.needs, pod };
    if (was.deletionTimestamp !== deletionTimestamp || !sameJson(was.labels, labels)) return this.#place(needs, nodeName, false);
    before.on.pods.set(uid, needs);
    this.#placements.set(uid, { needs, on: before.on, assumed: false });
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
    placement.on.remove(placement.needs);
    this.#count(placement.needs, placement.on, -1);
    return placement;
  }

  putBack({ needs, on, assumed }: Placement): void {
    this.#place(needs, on.name, assumed);
  }

  /** The Pod waits for this node to be cleared: its place is kept from those that are not more important. */
  nominate(needs: PodNeeds, nodeName: string): void {
    this.withdraw(needs.uid);
    const there = this.#nominated.get(nodeName);
    if (there) there.set(needs.uid, needs);
    else this.#nominated.set(nodeName, new Map([[needs.uid, needs]]));
    this.#nominations.set(needs.uid, nodeName);
    this.#nominationsChanged(nodeName);
  }

  /** False: it was not nominated. */
  withdraw(uid: string): boolean {
    const nodeName = this.#nominations.get(uid);
    if (nodeName === undefined) return false;
    this.#nominations.delete(uid);
    const there = this.#nominated.get(nodeName)!;
    there.delete(uid);
    if (there.size === 0) this.#nominated.delete(nodeName);
    this.#nominationsChanged(nodeName);
    return true;
  }

  #nominationsChanged(nodeName: string): void {
    const view = this.#byName.get(nodeName);
    if (view) view.version++;
  }

  nominatedNode(uid: string): string | undefined {
    return this.#nominations.get(uid);
  }

  /** Those that wait for the node. */
  nominatedTo(nodeName: string): readonly PodNeeds[] {
    const there = this.#nominated.get(nodeName);
    return there ? [...there.values()] : nobody;
  }

  /** Looks at the cluster as if these were on the node already, and leaves it as it was. */
  asIfPlaced<T>(pods: readonly PodNeeds[], nodeName: string, look: () => T): T {
    for (const needs of pods) this.#place(needs, nodeName, true);
    try {
      return look();
    } finally {
      for (const { uid } of pods) this.lift(uid);
    }
  }

  #place(needs: PodNeeds, nodeName: string, assumed: boolean): void {
    this.remove(needs.uid);
    const on = this.#view(nodeName);
    on.add(needs);
    this.#placements.set(needs.uid, { needs, on, assumed });
    this.#count(needs, on, 1);
  }

  #count(needs: PodNeeds, on: NodeView, by: 1 | -1): void {
    this.counts.changed(needs.pod, on, by);
    this.placedTerms.changed(needs, on, by);
  }

  #describe(view: NodeView, node: Node | undefined): void {
    const before = view.images;
    view.describe(node);
    if (view.images === before) return;
    for (const name of before.keys()) this.#countImage(name, -1);
    for (const name of view.images.keys()) this.#countImage(name, 1);
  }

  #countImage(name: string, by: 1 | -1): void {
    const now = (this.nodesWithImage.get(name) ?? 0) + by;
    if (now > 0) this.nodesWithImage.set(name, now);
    else this.nodesWithImage.delete(name);
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

const nobody: readonly PodNeeds[] = [];
