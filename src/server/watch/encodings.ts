// The forms in which the objects of one kind may lie in the store: one for kinds of our own; for those that a
// CustomResourceDefinition declares as many as it has versions.
import type { Kind } from '../../api/kind.ts';
import type { Encoding } from './item.ts';

export interface Encodings {
  /** How objects are written now. */
  readonly stored: Encoding;
  /** The encoding of a stored value. `isOwn`: it was written just now, and by this server. */
  of(value: Uint8Array, isOwn: boolean): Encoding;
  /** How objects of this kind, which may be another version than the stored one, are shown. */
  shown(kind: Kind): Encoding;
}

export class OneEncoding implements Encodings {
  readonly stored: Encoding;

  constructor(encoding: Encoding) {
    this.stored = encoding;
  }

  of(): Encoding {
    return this.stored;
  }

  shown(): Encoding {
    return this.stored;
  }
}
