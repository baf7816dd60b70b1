// What the parts of the registry share: the store, its cache, and what a write needs.
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { ApiError } from '../../api/error.ts';
import type { Kind, UserInfo, WriteContext } from '../../api/kind.ts';
import type { Annotate, PatchType, RequestOptions } from '../../api/request.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Store } from '../../store/store.ts';
import type { Admission, AdmissionRequest } from '../admission/admission.ts';
import type { AdmissionMetrics, Step } from '../admission/admission-metrics.ts';
import type { Cache } from '../watch/cache.ts';
import type { Item } from '../watch/item.ts';
import type { KeyQueue } from './key-queue.ts';
import type { ServiceAddresses } from './service-addresses.ts';
import { shownAs, type Convert } from './versions.ts';

export interface Registry {
  readonly store: Store;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: readonly Admission[];
  readonly admissionMetrics: AdmissionMetrics;
  readonly serviceAddresses: ServiceAddresses;
  /** Writes to one key wait here for each other, so that they need not race in the store. */
  readonly keyQueue: KeyQueue;
  /** Asks webhooks to convert custom objects between versions. */
  readonly convert?: Convert;
  /** Told of each write that the store did not take. */
  readonly writeFailed?: (error: unknown) => void;
  /** Shared objects are frozen through and through. */
  readonly freeze: boolean;
}

export interface WriteRequest {
  /** As it is stored. */
  readonly kind: Kind;
  /** The form of it in which the request speaks, where that is another: whole objects have been turned, patches have not. */
  readonly as?: Kind;
  /** '' for kinds without namespaces. */
  readonly namespace: string;
  /** '' when the path names none. */
  readonly name: string;
  readonly subresource: string | undefined;
  readonly options: RequestOptions;
  readonly body: Body;
  readonly patchType: PatchType | undefined;
  readonly user: UserInfo;
  /** What admission has to tell the client. */
  readonly warnings: string[];
  /** What the audit log is to say of it; absent: nobody is told. */
  readonly annotate?: Annotate;
  readonly waited?: (ms: number) => void;
}

export interface Body {
  readonly value: unknown;
  /** True: nobody else holds the value, so it may be changed. */
  readonly isOwn: boolean;
  /** Fields that stood twice in the text. */
  readonly duplicates: readonly string[];
}

export type Answer =
  | { readonly type: 'item'; readonly code: 200 | 201 | 202; readonly kind: Kind; readonly item: Item; readonly warnings: readonly string[] }
  | { readonly type: 'list'; readonly kind: Kind; readonly list: ItemList }
  | { readonly type: 'object'; readonly code: 200 | 201 | 202; readonly object: object; readonly warnings: readonly string[] };

export interface ItemList {
  readonly items: readonly Item[];
  readonly revision: number;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export function itemAnswer(kind: Kind, item: Item, code: 200 | 201 = 200, warnings: readonly string[] = []): Answer {
  return { type: 'item', code, kind, item, warnings };
}

export function writeContext(registry: Registry, user: UserInfo): WriteContext {
  return { nowMs: registry.clock.wallMs(), user, uuid: registry.random.uuid };
}

export function get(registry: Registry, kind: Kind, namespace: string, name: string): Item {
  const item = registry.cache.of(kind).get(namespace, name);
  if (!item) throw ApiError.notFound(kind, name);
  return item;
}

/** The same to begin a write with. At once, but for a custom object that a webhook must convert. */
export function open(registry: Registry, kind: Kind, namespace: string, name: string): Item | Promise<Item> {
  const item = get(registry, kind, namespace, name);
  if (!kind.custom) return item.opened();
  const shown = shownAs(registry, kind, item);
  return shown instanceof Promise ? shown.then((one) => one.opened()) : shown.opened();
}

/** Lets each rule that has a say change the draft. */
export function mutate(registry: Registry, request: AdmissionRequest): Promise<void> {
  return askAll(registry, request, 'mutate');
}

/** Lets each rule that has a say refuse. */
export function admit(registry: Registry, request: AdmissionRequest): Promise<void> {
  return askAll(registry, request, 'validate');
}

/**
 * Lets each rule that has a say change or refuse a connection to a subresource of an object. `options`: what is asked for
 * (`connect-options.ts`), which comes back as it is left.
 */
export async function admitConnection(registry: Registry, connection: Omit<AdmissionRequest, 'verb' | 'draft' | 'dryRun'>, options: KubeObject): Promise<KubeObject> {
  const request: AdmissionRequest = { ...connection, verb: 'connect', draft: options, dryRun: false };
  await mutate(registry, request);
  await admit(registry, request);
  return request.draft!;
}

/** One look at the clock for each that has a say. */
async function askAll({ admission, admissionMetrics: metrics, cache, clock }: Registry, request: AdmissionRequest, step: Step): Promise<void> {
  const { verb } = request;
  const startedMs = clock.monotonicMs();
  let sinceMs = startedMs;
  let asked: Admission | undefined;
  const told = (isRejected: boolean) => {
    const nowMs = clock.monotonicMs();
    if (asked!.isElsewhere) request.waited?.(nowMs - sinceMs);
    metrics.plugin(asked!, step, verb, isRejected, nowMs - sinceMs);
    sinceMs = nowMs;
  };
  try {
    for (const rule of admission) {
      if (!rule[step] || !rule.handles(request)) continue;
      asked = rule;
      const waiting = rule[step](request, cache);
      if (waiting) await waiting;
      told(false);
    }
  } catch (error) {
    told(true);
    metrics.step(step, verb, true, sinceMs - startedMs);
    throw error;
  }
  metrics.step(step, verb, false, sinceMs - startedMs);
}
