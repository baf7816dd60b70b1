// A kind whose objects are those of another kind in another form (an older version, for one): requests are turned into requests
// for the stored kind, and its answers into answers of this one. Patches are for the form that their sender sees: the registry
// applies them to it (patch.ts).
import type { Kind } from '../api/kind.ts';
import type { RequestOptions } from '../api/request.ts';
import { parseFieldSelector } from '../api/selectors.ts';
import type { KubeObject } from '../api/types.ts';
import { ApiError } from '../api/error.ts';
import { receiveAs } from './registry/receive.ts';
import type { Answer, Body, WriteRequest } from './registry/registry.ts';
import { Encoding, type Item } from './watch/item.ts';
import { Batch } from './watch/notes.ts';
import type { WatchSink } from './watch/watching.ts';

export class View {
  readonly kind: Kind;
  readonly stored: Kind;
  readonly #encoding: Encoding;
  /** As shown, for as long as the stored item is there. */
  readonly #items = new WeakMap<Item, Item>();

  constructor(kind: Kind, stored: Kind, freeze: boolean) {
    this.kind = kind;
    this.stored = stored;
    this.#encoding = new Encoding(kind, freeze);
  }

  /** Field selectors name the stored fields. */
  options(options: RequestOptions): RequestOptions {
    const { fieldLabels } = this.kind.storedAs!;
    if (!options.fieldSelector || !fieldLabels) return options;
    const terms = parseFieldSelector(options.fieldSelector).map(({ field, operator, value }) => `${fieldLabels[field] ?? field}${operator}${value}`);
    return { ...options, fieldSelector: terms.join(',') };
  }

  /** Throws ApiError for a body that is none of this kind. */
  write(request: WriteRequest, verb: string): WriteRequest {
    const stored = { ...request, kind: this.stored, as: this.kind, options: this.options(request.options) };
    return verb === 'create' || verb === 'update' ? { ...stored, body: this.#whole(request) } : stored;
  }

  answer(answer: Answer): Answer {
    switch (answer.type) {
      case 'item':
        return { ...answer, kind: this.kind, item: this.#shown(answer.item) };
      case 'list':
        return { ...answer, kind: this.kind, list: { ...answer.list, items: answer.list.items.map((item) => this.#shown(item)) } };
      case 'object': {
        const object = answer.object as KubeObject;
        return object.kind === this.stored.kind ? { ...answer, object: this.kind.storedAs!.fromStored(object) } : answer;
      }
    }
  }

  sink(sink: WatchSink): WatchSink {
    return {
      batch: ({ notes }) => sink.batch(new Batch(notes.map(({ type, item }) => ({ type, item: this.#shown(item) })))),
      bookmark: (bookmark) => sink.bookmark(bookmark),
      end: () => sink.end(),
    };
  }

  #shown(item: Item): Item {
    let shown = this.#items.get(item);
    if (!shown) {
      const object = this.kind.storedAs!.fromStored(item.opened().object);
      shown = this.#encoding.item(item.namespace, item.name, this.#encoding.value(object), item.revision);
      this.#items.set(item, shown);
    }
    return shown;
  }

  #whole({ body, options, name, warnings: told }: WriteRequest): Body {
    const { draft, warnings } = receiveAs(this.kind, body, options.fieldValidation);
    told.push(...warnings);
    this.kind.defaults?.(draft);
    const causes = this.kind.validate?.(draft) ?? [];
    if (causes.length > 0) throw ApiError.invalid(this.kind, draft.metadata.name ?? name, causes);
    return { value: this.kind.storedAs!.toStored(draft), isOwn: true, duplicates: [] };
  }
}
