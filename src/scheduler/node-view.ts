// One node and what is on it, kept up change by change.
import { sameJson } from '../api/meta.ts';
import type { Node, Taint } from '../api/types.ts';
import { add, amountsOf, type Amounts, type MutableAmounts } from './amounts.ts';
import type { HostPort, PodNeeds } from './pod-needs.ts';

export class NodeView {
  readonly name: string;
  /** Another after each change of what a filter may ask of it. */
  version = 0;
  /** Undefined while Pods are known on it but the node itself is not, or no longer. */
  node: Node | undefined;
  allocatable: Amounts = {};
  taints: readonly Taint[] = [];
  labels: Readonly<Record<string, string>> = {};
  /** Bytes of the images that are there, by each of their names. */
  images: ReadonlyMap<string, number> = new Map();
  readonly requested: MutableAmounts = {};
  readonly scored: MutableAmounts = {};
  /** By UID. */
  readonly pods = new Map<string, PodNeeds>();
  readonly #ports = new Map<string, number>();
  /** How many Pods of each priority there are. */
  readonly #priorities = new Map<number, number>();

  constructor(name: string) {
    this.name = name;
  }

  describe(node: Node | undefined): void {
    this.version++;
    if (!sameJson(node?.status.images, this.node?.status.images)) this.images = imageSizes(node);
    this.labels = node?.metadata.labels ?? {};
    this.node = node;
    this.allocatable = amountsOf(node?.status.allocatable);
    this.taints = node?.spec.taints ?? [];
  }

  add(needs: PodNeeds): void {
    this.version++;
    this.pods.set(needs.uid, needs);
    this.#count(needs.priority, 1);
    add(this.requested, needs.requests);
    add(this.scored, needs.scored);
    for (const port of needs.ports) this.#ports.set(portKey(port), (this.#ports.get(portKey(port)) ?? 0) + 1);
  }

  remove(needs: PodNeeds): void {
    this.version++;
    this.pods.delete(needs.uid);
    this.#count(needs.priority, -1);
    add(this.requested, needs.requests, -1);
    add(this.scored, needs.scored, -1);
    for (const port of needs.ports) {
      const left = (this.#ports.get(portKey(port)) ?? 0) - 1;
      if (left > 0) this.#ports.set(portKey(port), left);
      else this.#ports.delete(portKey(port));
    }
  }

  /** Whether any Pod is less important than that. */
  hasLesser(priority: number): boolean {
    for (const other of this.#priorities.keys()) if (other < priority) return true;
    return false;
  }

  #count(priority: number, by: 1 | -1): void {
    const now = (this.#priorities.get(priority) ?? 0) + by;
    if (now > 0) this.#priorities.set(priority, now);
    else this.#priorities.delete(priority);
  }

  /** The address 0.0.0.0 stands for all of the node's. */
  hasPortOf(wanted: readonly HostPort[]): boolean {
    if (this.#ports.size === 0) return false;
    return wanted.some((port) => {
      if (port.ip !== '0.0.0.0') return this.#ports.has(portKey(port)) || this.#ports.has(portKey({ ...port, ip: '0.0.0.0' }));
      const ending = `/${port.protocol}/${port.port}`;
      for (const key of this.#ports.keys()) if (key.endsWith(ending)) return true;
      return false;
    });
  }
}

function imageSizes(node: Node | undefined): ReadonlyMap<string, number> {
  return new Map((node?.status.images ?? []).flatMap(({ names = [], sizeBytes = 0 }) => names.map((name): [string, number] => [name, sizeBytes])));
}

function portKey({ ip, protocol, port }: HostPort): string {
  return `${ip}/${protocol}/${port}`;
}
