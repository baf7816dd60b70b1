// Objects by namespace and name, filed under indexes.
import { assert } from '../base/assert.ts';
import type { ObjectKey } from '../api/request.ts';
import type { KubeObject } from '../api/types.ts';
import type { IndexFunctions } from './informer.ts';

interface Index<T> {
  readonly valuesOf: (object: T) => readonly string[];
  readonly files: Map<string, Set<T>>;
}

/** Holds as many objects as the collection has: the server's limits are its bound. */
export class ObjectCache<T extends KubeObject> {
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #indexes = new Map<string, Index<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#namespaces.get(key.namespace)?.get(key.name);
  }

  list(namespace?: string): T[] {
    if (namespace !== undefined) return [...(this.#namespaces.get(namespace)?.values() ?? [])];
    const all: T[] = [];
    for (const objects of this.#namespaces.values()) for (const object of objects.values()) all.push(object);
    return all;
  }

  by(index: string, value: string): T[] {
    const found = this.#indexes.get(index);
    assert(found, `no index ${index}`);
    return [...(found.files.get(value) ?? [])];
  }

  /** An index that is there already must be the same function. */
  addIndexes(indexes: IndexFunctions<T>): void {
    for (const [name, valuesOf] of Object.entries(indexes)) {
      const before = this.#indexes.get(name);
      assert(!before || before.valuesOf === valuesOf, `index ${name} is another function already`);
      if (before) continue;
      const index: Index<T> = { valuesOf, files: new Map() };
      this.#indexes.set(name, index);
      for (const objects of this.#namespaces.values()) for (const object of objects.values()) file(index, object);
    }
  }

  /** Gives the object that `object` replaced. */
  put(object: T): T | undefined {
    const { namespace = '', name } = object.metadata;
    let objects = this.#namespaces.get(namespace);
    if (!objects) this.#namespaces.set(namespace, (objects = new Map()));
    const before = objects.get(name);
    objects.set(name, object);
    if (!before) this.#size++;
    for (const index of this.#indexes.values()) {
      if (before) unfile(index, before);
      file(index, object);
    }
    return before;
  }

  /** Gives the object that was there. */
  remove(key: ObjectKey): T | undefined {
    const objects = this.#namespaces.get(key.namespace);
    const before = objects?.get(key.name);
    if (!objects || !before) return undefined;
    objects.delete(key.name);
    if (objects.size === 0) this.#namespaces.delete(key.namespace);
    this.#size--;
    for (const index of this.#indexes.values()) unfile(index, before);
    return before;
  }
}

function file<T>(index: Index<T>, object: T): void {
  for (const value of index.valuesOf(object)) {
    const objects = index.files.get(value);
    if (objects) objects.add(object);
    else index.files.set(value, new Set([object]));
  }
}

function unfile<T>(index: Index<T>, object: T): void {
  for (const value of index.valuesOf(object)) {
    const objects = index.files.get(value);
    objects?.delete(object);
    if (objects?.size === 0) index.files.delete(value);
  }
}
