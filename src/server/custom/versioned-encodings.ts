// How the objects of a custom kind lie in the store: each in the version that was the stored one when it was written, and as
// the schema then was. What was written under the kinds of now is known by its encoding; all else is brought up to them when
// it is read (see versions.ts).
import type { Kind } from '../../api/kind.ts';
import type { Encodings } from '../watch/encodings.ts';
import { Encoding } from '../watch/item.ts';

export class VersionedEncodings implements Encodings {
  /** The stored version first. */
  #now: readonly Encoding[];
  /** Of what was there before, or was written by another server. */
  #before: Encoding[];
  readonly #freeze: boolean;

  constructor(kinds: readonly Kind[], freeze: boolean) {
    this.#freeze = freeze;
    this.#now = kinds.map((kind) => new Encoding(kind, freeze));
    this.#before = kinds.map((kind) => new Encoding({ ...kind }, freeze));
  }

  /** The definition has changed: what is there keeps the encoding that it has. */
  redefine(kinds: readonly Kind[]): void {
    this.#now = kinds.map((kind) => new Encoding(kind, this.#freeze));
    this.#before = kinds.map((kind) => new Encoding({ ...kind }, this.#freeze));
  }

  get stored(): Encoding {
    return this.#now[0]!;
  }

  of(value: Uint8Array, isOwn: boolean): Encoding {
    const found = (isOwn ? this.#now : this.#before).find((encoding) => encoding.wrote(value));
    return found ?? this.#unknown(value);
  }

  shown(kind: Kind): Encoding {
    return this.#now.find((encoding) => encoding.kind === kind) ?? new Encoding(kind, this.#freeze);
  }

  /** A version that the definition no longer has, though something is stored in it. */
  #unknown(value: Uint8Array): Encoding {
    const { apiVersion = '' } = JSON.parse(Buffer.from(value).toString()) as { apiVersion?: string };
    const encoding = new Encoding({ ...this.stored.kind, version: apiVersion.slice(apiVersion.indexOf('/') + 1) }, this.#freeze);
    this.#before.push(encoding);
    return encoding;
  }
}
