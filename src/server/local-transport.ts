// The API as a function call: for what lives in the server's own process. The same authorization, admission and
// validation as over HTTP; what it gives is shared with the cache.
import type { Duplex } from 'node:stream';
import { Channel } from '../base/channel.ts';
import { ApiError } from '../api/error.ts';
import type { UserInfo } from '../api/kind.ts';
import type { ApiRequest, KubeList, ResourceName, Transport, WatchEvent } from '../api/request.ts';
import type { KubeObject } from '../api/types.ts';
import type { Remote } from './aggregation/aggregation.ts';
import type { AggregatedCalls } from './aggregation/call-aggregated.ts';
import type { Api } from './api.ts';
import { audited, auditedWatch, type LocalAudit } from './audit/in-process.ts';
import { apiVersionOf } from './registry/receive.ts';
import type { Answer } from './registry/registry.ts';

/** Batches that may wait for a watcher in process; when more come, it is cut off and must list anew. */
const queuedBatches = 1000;

export interface LocalStreams {
  /** Text of a log, whole. */
  log(request: ApiRequest, user: UserInfo, signal: AbortSignal): Promise<string>;
  open(request: ApiRequest, user: UserInfo, signal: AbortSignal): Promise<Duplex>;
}

/** What other servers serve. */
export interface Elsewhere {
  at(resource: ResourceName): Remote | undefined;
  readonly calls: AggregatedCalls;
}

export class LocalTransport implements Transport {
  readonly #api: Api;
  readonly #user: UserInfo;
  readonly #streams: LocalStreams;
  readonly #elsewhere: Elsewhere;
  readonly #warned: ((text: string) => void) | undefined;
  readonly #audit: LocalAudit | undefined;

  /** `warned` is told each warning that comes with an answer. */
  constructor(api: Api, user: UserInfo, streams: LocalStreams, elsewhere: Elsewhere, warned?: (text: string) => void, audit?: LocalAudit) {
    this.#api = api;
    this.#audit = audit;
    this.#user = user;
    this.#streams = streams;
    this.#elsewhere = elsewhere;
    this.#warned = warned;
  }

  async call<T>(request: ApiRequest, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const remote = this.#elsewhere.at(request.resource);
    if (remote) {
      this.#api.enterElsewhere(request, this.#user);
      return (await this.#elsewhere.calls.call(remote, request, this.#user, signal)) as T;
    }
    if (request.subresource === 'log') return (await this.#streams.log(request, this.#user, signal)) as T;
    const answer = this.#audit ? await audited(this.#audit, this.#user, request, (told) => this.#answer(told)) : await this.#answer(request);
    return contentOf(answer) as T;
  }

  async #answer(request: ApiRequest): Promise<Answer> {
    const { verb, body } = request;
    if (this.#warned) {
      const { deprecation } = this.#api.kindOf(request.resource);
      if (deprecation) this.#warned(deprecation.warning);
    }
    if (verb === 'get' || verb === 'list') return this.#api.read(request, this.#user);
    const answer = await this.#api.write(request, { value: body, isOwn: false, duplicates: [] }, this.#user);
    if (this.#warned && answer.type !== 'list') for (const text of answer.warnings) this.#warned(text);
    return answer;
  }

  async *watch<T>(of: ApiRequest, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const remote = this.#elsewhere.at(of.resource);
    if (remote) {
      this.#api.enterElsewhere(of, this.#user);
      return yield* this.#elsewhere.calls.watch<T>(remote, of, this.#user, signal);
    }
    const kind = this.#api.kindOf(of.resource);
    using auditing = this.#audit && auditedWatch(this.#audit, this.#user, of);
    const request = auditing?.request ?? of;
    const batches = new Channel<readonly WatchEvent<T>[]>(queuedBatches, () => ApiError.expired('the watcher fell too far behind'));
    using _watching = this.#api.watch(request, this.#user, {
      batch: ({ notes }) => batches.push(notes.map(({ type, item }) => ({ type, object: item.object as T }))),
      bookmark: ({ revision, initialEventsEnd }) => {
        const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
        const metadata = { resourceVersion: String(revision), ...annotations } as KubeObject['metadata'];
        batches.push([{ type: 'BOOKMARK', object: { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata } }]);
      },
      end: () => batches.close(),
    });
    for await (const events of batches.read(signal)) yield* events;
  }

  connect(request: ApiRequest, signal: AbortSignal): Promise<Duplex> {
    return this.#streams.open(request, this.#user, signal);
  }
}

function contentOf(answer: Answer): unknown {
  switch (answer.type) {
    case 'item':
      return answer.item.object;
    case 'object':
      return answer.object;
    case 'list': {
      const { kind, list } = answer;
      const { revision, remainingItemCount } = list;
      const metadata = { resourceVersion: String(revision), ...(list.continue ? { continue: list.continue, remainingItemCount } : {}) };
      return { apiVersion: apiVersionOf(kind), kind: kind.listKind, metadata, items: list.items.map((item) => item.object) } satisfies KubeList<KubeObject>;
    }
  }
}
