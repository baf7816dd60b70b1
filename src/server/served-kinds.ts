// The kinds that are served now. Most never change; those that CustomResourceDefinitions declare come and go, and whoever
// has made something of the list is told.
import type { Kind } from '../api/kind.ts';
import type { ResourceName } from '../api/request.ts';

export class ServedKinds {
  readonly #byName = new Map<string, Kind>();
  readonly #listeners = new Set<(removed: readonly Kind[], added: readonly Kind[]) => void>();
  #all: readonly Kind[];

  constructor(kinds: readonly Kind[]) {
    this.#all = kinds;
    for (const kind of kinds) this.#byName.set(nameOf(kind), kind);
  }

  /** In the order in which they came; another list after each change. */
  get all(): readonly Kind[] {
    return this.#all;
  }

  find(resource: ResourceName): Kind | undefined {
    return this.#byName.get(nameOf(resource));
  }

  /** At once for everyone: there is no moment at which some see the old kinds and some the new. */
  replace(removed: readonly Kind[], added: readonly Kind[]): void {
    if (removed.length === 0 && added.length === 0) return;
    for (const kind of removed) this.#byName.delete(nameOf(kind));
    for (const kind of added) this.#byName.set(nameOf(kind), kind);
    this.#all = [...this.#all.filter((kind) => !removed.includes(kind)), ...added];
    for (const listener of this.#listeners) listener(removed, added);
  }

  /** `listener` is called within the change, so it must be quick and must not throw. */
  onChange(listener: (removed: readonly Kind[], added: readonly Kind[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

function nameOf({ group, version, plural }: ResourceName): string {
  return `${group}/${version}/${plural}`;
}
