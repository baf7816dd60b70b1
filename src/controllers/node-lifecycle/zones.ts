// How many nodes of a zone have failed, and how fast the others' Pods may therefore be evicted: a zone that fails whole is
// more likely cut off than dead. Pure but for its memory.
//
//            not ready, of all     0 ready            ≥ 55 %, and more than 2     otherwise
//   state:                         full disruption    partial disruption          normal
//   nodes tainted each second:     as normal *        0.01, or none in a small    0.1
//                                                     zone (≤ 50 nodes)
//   * none at all when every zone is like that: then it is we who are cut off.

export type ZoneState = 'normal' | 'partial' | 'full';

export interface ZoneLimits {
  /** Nodes a second. */
  readonly evictionRate: number;
  readonly secondaryEvictionRate: number;
  readonly unhealthyZoneThreshold: number;
  readonly largeClusterSizeThreshold: number;
}

/** As kube-controller-manager has them. */
export const zoneLimits: ZoneLimits = { evictionRate: 0.1, secondaryEvictionRate: 0.01, unhealthyZoneThreshold: 0.55, largeClusterSizeThreshold: 50 };

interface Zone {
  ready: number;
  notReady: number;
  /** When the next node may be tainted. */
  nextTurnMs: number;
}

export class Zones {
  readonly #zones = new Map<string, Zone>();
  readonly #nodes = new Map<string, { readonly zone: string; readonly ready: boolean }>();
  readonly #limits: ZoneLimits;
  /** Zones with a ready node: kept, so that asking for all costs nothing. */
  #alive = 0;

  constructor(limits: ZoneLimits) {
    this.#limits = limits;
  }

  set(node: string, zone: string, ready: boolean): void {
    const before = this.#nodes.get(node);
    if (before?.zone === zone && before.ready === ready) return;
    if (before) this.#count(before, -1);
    const now = { zone, ready };
    this.#nodes.set(node, now);
    this.#count(now, 1);
  }

  remove(node: string): void {
    const before = this.#nodes.get(node);
    if (!before) return;
    this.#nodes.delete(node);
    this.#count(before, -1);
  }

  stateOf(zone: string): ZoneState {
    const { ready = 0, notReady = 0 } = this.#zones.get(zone) ?? {};
    if (ready === 0 && notReady > 0) return 'full';
    return notReady > 2 && notReady / (notReady + ready) >= this.#limits.unhealthyZoneThreshold ? 'partial' : 'normal';
  }

  /** No node anywhere is ready. */
  get allDisrupted(): boolean {
    return this.#alive === 0 && this.#nodes.size > 0;
  }

  /** All that decides on the pace: a change of it is a reason to look at all nodes that wait. */
  get pace(): string {
    return this.allDisrupted ? 'none' : [...this.#zones].map(([zone, { ready, notReady }]) => `${zone}:${this.stateOf(zone)}:${this.#rate(zone, ready + notReady)}`).join();
  }

  /** 0: now, and the turn is taken; else in how many ms to ask again; undefined: not before the pace changes. */
  takeTurn(zone: string, nowMs: number): number | undefined {
    const found = this.#zones.get(zone);
    if (!found || this.allDisrupted) return undefined;
    const rate = this.#rate(zone, found.ready + found.notReady);
    if (rate <= 0) return undefined;
    if (found.nextTurnMs > nowMs) return found.nextTurnMs - nowMs;
    found.nextTurnMs = nowMs + 1000 / rate;
    return 0;
  }

  #rate(zone: string, size: number): number {
    if (this.stateOf(zone) !== 'partial') return this.#limits.evictionRate;
    return size > this.#limits.largeClusterSizeThreshold ? this.#limits.secondaryEvictionRate : 0;
  }

  #count({ zone, ready }: { readonly zone: string; readonly ready: boolean }, by: 1 | -1): void {
    let found = this.#zones.get(zone);
    if (!found) this.#zones.set(zone, (found = { ready: 0, notReady: 0, nextTurnMs: -Infinity }));
    const wasAlive = found.ready > 0;
    if (ready) found.ready += by;
    else found.notReady += by;
    this.#alive += Number(found.ready > 0) - Number(wasAlive);
    if (found.ready + found.notReady === 0) this.#zones.delete(zone);
  }
}
