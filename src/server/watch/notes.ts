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
  #frames: Buffer | undefined;

  constructor(notes: readonly Note[]) {
    this.notes = notes;
  }

  /** As the API streams them: one JSON document a line. */
  get lines(): Buffer {
    return (this.#lines ??= this.#write());
  }

  /** The same in the other encoding, in which `write` is the only one who knows how. */
  frames(write: (notes: readonly Note[]) => Buffer): Buffer {
    return (this.#frames ??= write(this.notes));
  }

  #write(): Buffer {
    let length = 0;
    for (const { type, item } of this.notes) length += opening[type].length + item.jsonBytes + closing.length;
    const lines = Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (const { type, item } of this.notes) {
      at += lines.write(opening[type], at, 'latin1');
      at = item.writeJson(lines, at);
      at += lines.write(closing, at, 'latin1');
    }
    return lines;
  }
}

const opening: Readonly<Record<NoteType, string>> = {
  ADDED: '{"type":"ADDED","object":',
  MODIFIED: '{"type":"MODIFIED","object":',
  DELETED: '{"type":"DELETED","object":',
};
const closing = '}\n';
