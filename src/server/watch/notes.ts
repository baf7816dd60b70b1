// What a watcher is told, in batches that all watchers of the same things share.
import type { Item } from './item.ts';

export type NoteType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface Note {
  readonly type: NoteType;
  readonly item: Item;
}

/** One commit's worth of notes. The bytes are made when first asked for, and once. */
export class Batch {
  readonly notes: readonly Note[];
  #lines: Buffer | undefined;

  constructor(notes: readonly Note[]) {
    this.notes = notes;
  }

  /** As the API streams them: one JSON document a line. */
  get lines(): Buffer {
    return (this.#lines ??= Buffer.concat(this.notes.flatMap(({ type, item }) => [opening[type], item.bytes, closing])));
  }
}

const opening: Readonly<Record<NoteType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const closing = Buffer.from('}\n');
