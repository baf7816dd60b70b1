// The last changes of one kind: enough to resume a watch that broke off, and to show a list as it was a moment ago.
import type { Revision } from '../../store/store.ts';
import type { Item } from './item.ts';

/** `before` is absent when the object was created, `after` when it was deleted. */
export interface Happening {
  readonly revision: Revision;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  /** The item that a watcher is shown: `after`, or the deleted one under the revision of its deletion. */
  readonly shown: Item;
}

const largestLength = 16_384;
/** Of objects that only history still holds: those that were replaced or deleted. */
const largestText = 4 * 1024 * 1024;

/** Bounded by number and by the length of their text; the oldest fall out, and `floor` tells up to where. */
export class History {
  /** Nothing at or before this revision is known any more. */
  floor: Revision;
  /** Those before `#first` have fallen out. */
  #happenings: (Happening | undefined)[] = [];
  #first = 0;
  #text = 0;

  constructor(floor: Revision) {
    this.floor = floor;
  }

  add(happening: Happening): void {
    this.#happenings.push(happening);
    this.#text += weight(happening);
    while (this.#length > largestLength || (this.#text > largestText && this.#length > 1)) this.#drop();
  }

  /** All that happened after a revision that is not below `floor`, oldest first. */
  after(revision: Revision): readonly Happening[] {
    let low = this.#first;
    let high = this.#happenings.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#happenings[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#happenings.slice(low) as Happening[];
  }

  get #length(): number {
    return this.#happenings.length - this.#first;
  }

  #drop(): void {
    const oldest = this.#happenings[this.#first]!;
    this.floor = oldest.revision;
    this.#text -= weight(oldest);
    this.#happenings[this.#first++] = undefined;
    if (this.#first > this.#length) {
      this.#happenings = this.#happenings.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** What the history alone keeps alive. */
function weight({ before, after, shown }: Happening): number {
  return (before?.text.length ?? 0) + (after ? 0 : shown.text.length);
}
