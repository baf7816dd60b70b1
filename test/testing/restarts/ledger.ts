// All that is stored, as it comes to be there; what has ever been made; and what was wrong with it at any moment.
import { isPodActive, isPodReady } from '../../../src/api/meta.ts';
import type { KubeObject, Pod } from '../../../src/api/types.ts';
import type { Store } from '../../../src/store/store.ts';

const root = '/registry/';
/** They say nothing of what there is. */
const unseen: ReadonlySet<string> = new Set(['events', 'leases']);
const mostWrongs = 5;

export class Picture {
  readonly #kinds = new Map<string, Map<string, KubeObject>>();

  of<T extends KubeObject>(plural: string): readonly T[] {
    return [...(this.#kinds.get(plural)?.values() ?? [])] as unknown as readonly T[];
  }

  get<T extends KubeObject>(plural: string, name: string, namespace = 'default'): T | undefined {
    return this.#kinds.get(plural)?.get(namespace ? `${namespace}/${name}` : name) as T | undefined;
  }

  get plurals(): readonly string[] {
    return [...this.#kinds.keys()];
  }

  /** Those with the label `app`. */
  pods(app: string): readonly Pod[] {
    return this.of<Pod>('pods').filter(({ metadata }) => metadata.labels?.['app'] === app);
  }

  active(app: string): readonly Pod[] {
    return this.pods(app).filter(isPodActive);
  }

  ready(app: string): readonly Pod[] {
    return this.active(app).filter(isPodReady);
  }

  put(plural: string, name: string, object: KubeObject | undefined): void {
    let kind = this.#kinds.get(plural);
    if (!kind) this.#kinds.set(plural, (kind = new Map()));
    if (object) kind.set(name, object);
    else kind.delete(name);
  }
}

export class Ledger {
  readonly picture = new Picture();
  /** The first that was found of each, as it was made. */
  readonly made = new Map<string, { readonly plural: string; readonly object: KubeObject }>();
  readonly wrongs: string[] = [];
  /** Looked at after each commit. */
  rule: () => string | false | undefined = () => undefined;

  static async follow(store: Store): Promise<Ledger> {
    const ledger = new Ledger();
    await store.follow(root, 0, (changes) => {
      for (const { key, value, revision } of changes) ledger.#take(key.slice(root.length), value, revision);
    });
    return ledger;
  }

  madeOf<T extends KubeObject>(plural: string): readonly T[] {
    return [...this.made.values()].flatMap((one) => (one.plural === plural ? [one.object as unknown as T] : []));
  }

  #take(key: string, value: string | null, revision: number): void {
    const [, plural = '', ...rest] = key.split('/');
    if (unseen.has(plural)) return;
    const object = value === null ? undefined : (JSON.parse(value) as KubeObject);
    this.picture.put(plural, rest.join('/'), object);
    if (object && !this.made.has(object.metadata.uid)) this.made.set(object.metadata.uid, { plural, object });
    const wrong = this.rule();
    if (wrong && this.wrongs.length < mostWrongs) this.wrongs.push(`${wrong} (at revision ${revision}, with ${value === null ? 'the end' : 'a write'} of ${key})`);
  }
}
