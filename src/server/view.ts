// A kind whose objects are those of another kind with some fields named otherwise: requests are turned into requests for
// the stored kind, and its answers into answers of this one.
import type { Kind } from '../api/kind.ts';
import type { RequestOptions } from '../api/request.ts';
import { parseFieldSelector } from '../api/selectors.ts';
import type { KubeObject } from '../api/types.ts';
import { ApiError } from '../api/error.ts';
import { apiVersionOf, receiveAs } from './registry/receive.ts';
import type { Answer, Body, WriteRequest } from './registry/registry.ts';
import { Encoding, type Item } from './watch/item.ts';
import { Batch } from './watch/notes.ts';
import type { WatchSink } from './watch/watching.ts';

export class View {
  readonly kind: Kind;
  readonly stored: Kind;
  readonly #toStored: Readonly<Record<string, string>>;
  readonly #toShown: Readonly<Record<string, string>>;
  readonly #encoding: Encoding;
  /** As shown, for as long as the stored item is there. */
  readonly #items = new WeakMap<Item, Item>();

  constructor(kind: Kind, stored: Kind, freeze: boolean) {
    this.kind = kind;
    this.stored = stored;
    this.#toStored = kind.storedAs!.fields;
    this.#toShown = Object.fromEntries(Object.entries(this.#toStored).map(([shown, name]) => [name, shown]));
    this.#encoding = new Encoding(kind, freeze);
  }

  /** Field selectors name the stored fields. */
  options(options: RequestOptions): RequestOptions {
    if (!options.fieldSelector) return options;
    const terms = parseFieldSelector(options.fieldSelector).map(({ field, operator, value }) => `${this.#storedPath(field, '.')}${operator}${value}`);
    return { ...options, fieldSelector: terms.join(',') };
  }

  /** Throws ApiError for a body that is none of this kind. */
  write(request: WriteRequest, verb: string): WriteRequest {
    const stored = { ...request, kind: this.stored, options: this.options(request.options) };
    if (verb === 'create' || verb === 'update') return { ...stored, body: this.#whole(request) };
    return verb === 'patch' ? { ...stored, body: this.#patch(request) } : stored;
  }

  answer(answer: Answer): Answer {
    switch (answer.type) {
      case 'item':
        return { ...answer, kind: this.kind, item: this.#shown(answer.item) };
      case 'list':
        return { ...answer, kind: this.kind, list: { ...answer.list, items: answer.list.items.map((item) => this.#shown(item)) } };
      case 'object':
        return answer;
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
      const object = renamed(item.opened().object, this.#toShown);
      shown = this.#encoding.item(item.namespace, item.name, this.#encoding.value(object), item.revision);
      this.#items.set(item, shown);
    }
    return shown;
  }

  #whole({ body, options, name }: WriteRequest): Body {
    const { draft } = receiveAs(this.kind, body, options.fieldValidation);
    const causes = this.kind.validate?.(draft) ?? [];
    if (causes.length > 0) throw ApiError.invalid(this.kind, draft.metadata.name ?? name, causes);
    return { value: { ...renamed(draft, this.#toStored), kind: this.stored.kind, apiVersion: apiVersionOf(this.stored) }, isOwn: true, duplicates: [] };
  }

  /** The fields lie at the top, so a patch of any type names them at its own top. */
  #patch({ body, patchType }: WriteRequest): Body {
    const { value } = body;
    if (patchType === 'json') {
      if (!Array.isArray(value)) return body;
      const moved = (value as Record<string, unknown>[]).map((step) => ({ ...step, ...pathOf(step, 'path', this), ...pathOf(step, 'from', this) }));
      return { ...body, value: moved };
    }
    if (typeof value !== 'object' || value === null) return body;
    const { kind, apiVersion, ...rest } = renamed(value as KubeObject, this.#toStored);
    const head = { ...(kind ? { kind } : {}), ...(apiVersion === apiVersionOf(this.kind) ? { apiVersion: apiVersionOf(this.stored) } : apiVersion ? { apiVersion } : {}) };
    return { ...body, value: { ...head, ...rest } };
  }

  storedPointer(pointer: string): string {
    return `/${this.#storedPath(pointer.slice(1), '/')}`;
  }

  #storedPath(path: string, separator: string): string {
    const [first = '', ...rest] = path.split(separator);
    return [this.#toStored[first] ?? first, ...rest].join(separator);
  }
}

function pathOf(step: Record<string, unknown>, name: 'path' | 'from', view: View): Record<string, string> {
  const pointer = step[name];
  return typeof pointer === 'string' ? { [name]: view.storedPointer(pointer) } : {};
}

function renamed(object: KubeObject, names: Readonly<Record<string, string>>): KubeObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [names[name] ?? name, value])) as unknown as KubeObject;
}
