// All that was ever written, in its order: what one watch of everything was told. Each revision is one write, and none is missing.
import assert from 'node:assert/strict';
import { sorted } from './json.ts';
import type { Json, ModelKind } from './kinds.ts';

export interface Written {
  readonly revision: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly kind: ModelKind;
  readonly key: string;
  /** What a watcher of everything is shown. */
  readonly object: Json;
  readonly before: Json | undefined;
  /** Set when an operation has explained it. */
  by?: string;
}

export const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;

export class RecordedHistory {
  readonly all: Written[] = [];
  readonly #byKey = new Map<string, Written[]>();
  readonly #uids = new Set<string>();
  /** Nothing was written before. */
  readonly first: number;

  constructor(first: number) {
    this.first = first;
  }

  get last(): number {
    return this.all.at(-1)?.revision ?? this.first;
  }

  /** In the order of revisions. */
  add(kind: ModelKind, type: string, object: Json): void {
    const { namespace, name, uid, resourceVersion } = object['metadata'];
    const revision = Number(resourceVersion);
    const key = keyOf(namespace, name);
    assert.equal(revision, this.last + 1, `every revision is one write of one object, and ${kind.kind} ${key} comes after ${this.last}`);
    const before = this.at(kind, key, this.last);
    assert.equal(type, before ? (type === 'DELETED' ? type : 'MODIFIED') : 'ADDED', `${kind.kind} ${key} at ${revision} is told as what it is`);
    if (before) assert.equal(uid, before['metadata'].uid, 'an object keeps its uid');
    else assert.ok(!this.#uids.has(uid), 'no uid comes twice');
    if (type === 'DELETED') assert.deepEqual(sorted({ ...object, metadata: { ...object['metadata'], resourceVersion: '' } }), sorted({ ...before, metadata: { ...before!['metadata'], resourceVersion: '' } }), 'who goes is shown as it was');
    this.#uids.add(uid);
    const written: Written = { revision, type: type as Written['type'], kind, key, object, before };
    this.all.push(written);
    const ofKey = `${kind.kind} ${key}`;
    this.#byKey.set(ofKey, [...(this.#byKey.get(ofKey) ?? []), written]);
  }

  at(kind: ModelKind, key: string, revision: number): Json | undefined {
    const found = this.of(kind, key).findLast((written) => written.revision <= revision);
    return found && found.type !== 'DELETED' ? found.object : undefined;
  }

  of(kind: ModelKind, key: string): readonly Written[] {
    return this.#byKey.get(`${kind.kind} ${key}`) ?? [];
  }

  written(revision: number): Written | undefined {
    return this.all[revision - this.first - 1];
  }

  /** What an object was from a revision to another, each once. */
  states(kind: ModelKind, key: string, from: number, to: number): { readonly object: Json | undefined; readonly from: number }[] {
    const changes = this.of(kind, key).filter(({ revision }) => revision > from && revision <= to);
    return [{ object: this.at(kind, key, from), from }, ...changes.map(({ revision, type, object }) => ({ object: type === 'DELETED' ? undefined : object, from: revision }))];
  }

  /** In the order of lists. */
  list(kind: ModelKind, revision: number): Json[] {
    const objects = new Map<string, Json>();
    for (const written of this.all) {
      if (written.revision > revision) break;
      if (written.kind !== kind) continue;
      if (written.type === 'DELETED') objects.delete(written.key);
      else objects.set(written.key, written.object);
    }
    return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  after(revision: number): readonly Written[] {
    return this.all.slice(Math.max(0, revision - this.first));
  }
}
