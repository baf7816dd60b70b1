// What a controller has written that its informer may not have shown yet. While something is outstanding, the informer's
// picture is too old to count from: counting again would create twice, or delete twice.
import { ApiError } from '../api/error.ts';
import type { KubeObject } from '../api/types.ts';
import type { Clock } from '../base/clock.ts';
import { keyOf, keyText } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';

interface Outstanding {
  /** Revision of the newest object made: the informer must have come as far. */
  revision: number;
  /** `namespace/name` → UID of what was told to end. */
  readonly deleted: Map<string, string>;
  untilMs: number;
  /** Something was sent and no answer came: it may have been made. */
  isUnsure: boolean;
}

/** After this long, whatever was expected is no longer waited for. */
const patienceMs = 300_000;

/** One entry for each owner with writes outstanding, gone when they have been seen. */
export class Expectations<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #clock: Clock;
  readonly #owners = new Map<string, Outstanding>();

  constructor(informer: Informer<T>, clock: Clock) {
    this.#informer = informer;
    this.#clock = clock;
  }

  /** `written` is the answer of the create. */
  created(owner: string, written: T): void {
    const entry = this.#entry(owner);
    entry.revision = Math.max(entry.revision, Number(written.metadata.resourceVersion));
  }

  deleted(owner: string, object: T): void {
    this.#entry(owner).deleted.set(keyText(keyOf(object)), object.metadata.uid);
  }

  /** A write failed; was that no answer of the API's, it may be done all the same, and `settle` has to ask. */
  failed(owner: string, error: unknown): void {
    if (!(error instanceof ApiError) || error.code >= 500) this.#entry(owner).isUnsure = true;
  }

  /** Where an answer was lost: the informer must come as far as the newest of what the API has. Throws when it cannot be asked. */
  async settle(owner: string, list: () => Promise<{ readonly items: readonly T[] }>): Promise<void> {
    if (!this.#owners.get(owner)?.isUnsure) return;
    const { items } = await list();
    const entry = this.#entry(owner);
    entry.isUnsure = false;
    for (const { metadata } of items) entry.revision = Math.max(entry.revision, Number(metadata.resourceVersion));
  }

  /** True when the informer shows everything that was written for the owner; any of its changes may make it so. */
  met(owner: string): boolean {
    const entry = this.#owners.get(owner);
    if (!entry) return true;
    if (this.#clock.monotonicMs() < entry.untilMs && !this.#seen(entry)) return false;
    this.#owners.delete(owner);
    return true;
  }

  forget(owner: string): void {
    this.#owners.delete(owner);
  }

  #seen(entry: Outstanding): boolean {
    if (entry.isUnsure) return false;
    if (Number(this.#informer.resourceVersion) < entry.revision) return false;
    for (const [key, uid] of entry.deleted) {
      const slash = key.indexOf('/');
      const object = this.#informer.get({ namespace: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1) });
      if (object?.metadata.uid === uid && !object.metadata.deletionTimestamp) return false;
      entry.deleted.delete(key);
    }
    return true;
  }

  #entry(owner: string): Outstanding {
    let entry = this.#owners.get(owner);
    if (!entry) this.#owners.set(owner, (entry = { revision: 0, deleted: new Map(), untilMs: 0, isUnsure: false }));
    entry.untilMs = this.#clock.monotonicMs() + patienceMs;
    return entry;
  }
}
