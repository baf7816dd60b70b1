// What other servers serve through this one, as the controller that asks them has found: for those who must know of every kind.
import type { RemoteResource } from '../api/discovery/remote.ts';
import type { Resource } from '../api/kind.ts';

interface Found {
  readonly groupVersion: string;
  readonly isAvailable: boolean;
  readonly resources: readonly Resource[];
}

/** What those who look after objects must be able to do with them. */
const needed: readonly string[] = ['delete', 'list', 'watch'];

export class AggregatedResources {
  readonly #byName = new Map<string, Found>();
  readonly #listeners = new Set<() => void>();

  /** `name`: of the APIService. What a server that cannot be reached served last is still taken to be there. */
  put(name: string, group: string, version: string, isAvailable: boolean, told: readonly RemoteResource[]): void {
    const before = this.#byName.get(name);
    const usable = told.filter((one) => !one.name.includes('/') && needed.every((verb) => one.verbs.includes(verb)));
    const resources = usable.map(({ name: plural, kind, namespaced }): Resource => ({ group, version, plural, kind, namespaced: namespaced === true }));
    const groupVersion = `${group}/${version}`;
    this.#byName.set(name, { groupVersion, isAvailable, resources });
    if (before?.isAvailable !== isAvailable || before.groupVersion !== groupVersion || textOf(before.resources) !== textOf(resources)) this.#changed();
  }

  remove(name: string): void {
    if (this.#byName.delete(name)) this.#changed();
  }

  get all(): readonly Resource[] {
    return [...this.#byName.values()].flatMap(({ resources }) => resources);
  }

  /** `group/version` of those of which nobody can tell now what they serve. */
  get failing(): readonly string[] {
    return [...this.#byName.values()].filter(({ isAvailable }) => !isAvailable).map(({ groupVersion }) => groupVersion);
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function textOf(resources: readonly Resource[]): string {
  return JSON.stringify(resources);
}
