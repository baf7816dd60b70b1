// A custom object in a version of its kind: what is stored in another one, or was stored under another state of the schema,
// is brought to it when it is read, and to the stored one when it is written.
import { ApiError } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import { draftOf } from '../../api/meta.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Item } from '../watch/item.ts';
import { Batch, type Note } from '../watch/notes.ts';
import type { WatchSink } from '../watch/watching.ts';
import type { Answer, ItemList, Registry } from './registry.ts';

/** Turns objects of one version into such of another, in order. */
export type Convert = (kind: Kind, objects: readonly KubeObject[], to: string) => Promise<readonly KubeObject[]>;

/** Items as they have been shown, for as long as the stored ones are there. */
const shownItems = new WeakMap<Kind, WeakMap<Item, Item>>();

/** `item` as an object of `kind` as it is now. At once, but where a webhook must be asked. */
export function shownAs(registry: Registry, kind: Kind, item: Item): Item | Promise<Item> {
  const known = knownAs(kind, item);
  if (known) return known;
  if (needsWebhook(kind, item)) return convertAll(registry, kind, [item]).then(([shown]) => shown!);
  return settled(registry, kind, item, item.opened().object);
}

/** The same for many: those that a webhook must convert are sent to it together. */
export function allShownAs(registry: Registry, kind: Kind, items: readonly Item[]): readonly Item[] | Promise<readonly Item[]> {
  if (items.every((item) => item.encoding.kind === kind)) return items;
  const unconverted = items.filter((item) => !knownAs(kind, item) && needsWebhook(kind, item));
  const show = () => items.map((item) => shownAs(registry, kind, item) as Item);
  return unconverted.length === 0 ? show() : convertAll(registry, kind, unconverted).then(show);
}

export function shownAnswer(registry: Registry, kind: Kind, list: ItemList): Answer | Promise<Answer> {
  const items = allShownAs(registry, kind, list.items);
  const answer = (shown: readonly Item[]): Answer => ({ type: 'list', kind, list: { ...list, items: shown } });
  return items instanceof Promise ? items.then(answer) : answer(items);
}

/** Shows a watcher what it is told in its version; in the order in which it was told. A conversion that fails ends the watch. */
export function shownSink(registry: Registry, kind: Kind, sink: WatchSink): WatchSink {
  /** Set while a webhook is asked: what comes meanwhile waits. */
  let before: Promise<void> | undefined;
  let isOver = false;
  const end = () => {
    if (!isOver) sink.end();
    isOver = true;
  };
  const inTurn = (act: () => void | Promise<void>) => {
    if (before) before = before.then(act).catch(end);
    else {
      const going = act();
      if (going) before = going.catch(end);
    }
  };
  return {
    batch({ notes }) {
      inTurn(() => {
        const items = allShownAs(registry, kind, notes.map(({ item }) => item));
        const tell = (shown: readonly Item[]) => {
          if (!isOver) sink.batch(new Batch(notes.map(({ type }, i): Note => ({ type, item: shown[i]! }))));
        };
        return items instanceof Promise ? items.then(tell) : tell(items);
      });
    },
    bookmark: (bookmark) => inTurn(() => void (isOver || sink.bookmark(bookmark))),
    end: () => inTurn(end),
  };
}

/** What of `draft` is to be stored: the object in the stored version. */
export async function storedForm(registry: Registry, kind: Kind, stored: Kind, draft: KubeObject): Promise<KubeObject> {
  if (kind.version === stored.version) return draft;
  const [converted] = kind.custom!.conversion ? await converting(registry, kind, [draft], stored.version) : [{ ...draft, apiVersion: `${stored.group}/${stored.version}` }];
  const form = draftOf(converted!);
  stored.custom!.settle(form);
  return form;
}

function knownAs(kind: Kind, item: Item): Item | undefined {
  return item.encoding.kind === kind ? item : shownItems.get(kind)?.get(item);
}

function needsWebhook(kind: Kind, item: Item): boolean {
  return kind.custom?.conversion !== undefined && item.encoding.kind.version !== kind.version;
}

async function convertAll(registry: Registry, kind: Kind, items: readonly Item[]): Promise<readonly Item[]> {
  const shown = new Map<Item, Item>();
  for (const [, ofVersion] of Map.groupBy(items, (item) => item.encoding.kind.version)) {
    const objects = await converting(registry, ofVersion[0]!.encoding.kind, ofVersion.map((item) => item.opened().object), kind.version, kind);
    ofVersion.forEach((item, i) => shown.set(item, settled(registry, kind, item, objects[i]!)));
  }
  return items.map((item) => shown.get(item)!);
}

function converting(registry: Registry, kind: Kind, objects: readonly KubeObject[], to: string, as = kind): Promise<readonly KubeObject[]> {
  if (!registry.convert) throw ApiError.of(new Error('there is nobody to convert objects'));
  return registry.convert(as, objects, to);
}

function settled(registry: Registry, kind: Kind, item: Item, object: KubeObject): Item {
  const encoding = registry.cache.of(kind).encodings.shown(kind);
  const draft = draftOf(object);
  const isSettled = !kind.custom!.settle(draft);
  const isSame = isSettled && item.encoding.kind.version === kind.version;
  const shown = isSame ? encoding.again(item) : encoding.item(item.namespace, item.name, encoding.value(draft), item.revision, draft);
  let known = shownItems.get(kind);
  if (!known) shownItems.set(kind, (known = new WeakMap()));
  known.set(item, shown);
  return shown;
}
