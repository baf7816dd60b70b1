// A table of packet rules as it should be, and the scripts for nftables that lead there: the whole of it, or
// only what has changed. Pure but for its own memory; nothing here runs anything.

/** What is always in the table, whatever else is. */
export interface Skeleton {
  readonly family: 'ip' | 'ip6' | 'inet';
  readonly table: string;
  /** Name → declaration. */
  readonly maps: Readonly<Record<string, string>>;
  readonly sets: Readonly<Record<string, string>>;
  readonly chains: ReadonlyMap<string, { readonly hook?: string; readonly rules: readonly string[] }>;
}

/** What one owner adds: of Services, one port of one of them. */
export interface Piece {
  /** Name → rules. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Name → declaration. */
  readonly sets: ReadonlyMap<string, string>;
  /** `set` is one of the skeleton's, or of any piece's. Two pieces may claim one key: the first by its owner's name has it. */
  readonly elements: readonly { readonly set: string; readonly key: string; readonly value?: string }[];
}

const nothing: Piece = { chains: new Map(), sets: new Map(), elements: [] };

export class Table {
  readonly #skeleton: Skeleton;
  readonly #pieces = new Map<string, Piece>();
  /** What was there at the last script, of owners that have changed since. */
  readonly #changed = new Map<string, Piece>();
  /** `set key` → owner → value. */
  readonly #claims = new Map<string, Map<string, string>>();

  constructor(skeleton: Skeleton) {
    this.#skeleton = skeleton;
  }

  /** `piece` undefined: the owner has gone. True when that changes anything. */
  put(owner: string, piece: Piece | undefined): boolean {
    const before = this.#pieces.get(owner);
    if (samePiece(before ?? nothing, piece ?? nothing)) return false;
    if (!this.#changed.has(owner)) this.#changed.set(owner, before ?? nothing);
    if (piece) this.#pieces.set(owner, piece);
    else this.#pieces.delete(owner);
    return true;
  }

  /** The script for what has changed since the last one was taken; undefined when nothing has. */
  takeChanges(): string | undefined {
    if (this.#changed.size === 0) return undefined;
    const { family, table: name } = this.#skeleton;
    const table = `${family} ${name}`;
    const lines = { sets: [] as string[], chains: [] as string[], rules: [] as string[], elements: [] as string[], empty: [] as string[], gone: [] as string[] };
    const touched = new Map<string, string | undefined>();
    for (const [owner, before] of this.#changed) {
      const after = this.#pieces.get(owner) ?? nothing;
      for (const [name, declaration] of after.sets) if (before.sets.get(name) !== declaration) lines.sets.push(...(before.sets.has(name) ? [] : [`add set ${table} ${name} ${declaration}`]));
      for (const [name, rules] of after.chains) {
        const old = before.chains.get(name);
        if (old && sameLines(old, rules)) continue;
        lines.chains.push(old ? `flush chain ${table} ${name}` : `add chain ${table} ${name}`);
        for (const rule of rules) lines.rules.push(`add rule ${table} ${name} ${rule}`);
      }
      for (const name of before.chains.keys()) {
        if (after.chains.has(name)) continue;
        lines.empty.push(`flush chain ${table} ${name}`);
        lines.gone.push(`delete chain ${table} ${name}`);
      }
      for (const name of before.sets.keys()) if (!after.sets.has(name)) lines.gone.push(`delete set ${table} ${name}`);
      for (const { set, key } of [...before.elements, ...after.elements]) {
        const text = `${set} ${key}`;
        if (!touched.has(text)) touched.set(text, this.#valueOf(text));
      }
      for (const { set, key } of before.elements) this.#unclaim(`${set} ${key}`, owner);
      for (const { set, key, value } of after.elements) this.#claim(`${set} ${key}`, owner, value ?? '');
    }
    const [removed, added] = [new Map<string, string[]>(), new Map<string, string[]>()];
    for (const [text, before] of touched) {
      const now = this.#valueOf(text);
      if (now === before) continue;
      const [set, key] = split(text);
      if (before !== undefined) collect(removed, set, key);
      if (now !== undefined) collect(added, set, element(key, now));
    }
    for (const [set, keys] of removed) lines.elements.push(`delete element ${table} ${set} { ${keys.join(', ')} }`);
    for (const [set, elements] of added) lines.elements.push(`add element ${table} ${set} { ${elements.join(', ')} }`);
    this.#changed.clear();
    const all = [...lines.sets, ...lines.chains, ...lines.rules, ...lines.elements, ...lines.empty, ...lines.gone];
    return all.length === 0 ? undefined : all.join('\n') + '\n';
  }

  /** The script that makes the table anew, in one step with the old one's end. */
  takeWhole(): string {
    this.takeChanges();
    const { family, table: own, maps, sets, chains: skeleton } = this.#skeleton;
    const table = `${family} ${own}`;
    const elements = new Map<string, string[]>();
    for (const text of this.#claims.keys()) {
      const [set, key] = split(text);
      collect(elements, set, element(key, this.#valueOf(text)!));
    }
    const parts: string[] = [`table ${table}`, `delete table ${table}`, `table ${table} {`];
    const filled = (name: string) => (elements.has(name) ? ` elements = { ${elements.get(name)!.join(', ')} }` : '');
    const whole = (name: string, declaration: string) => `${name} ${declaration.replace(/ \}$/, `${filled(name)} }`)}`;
    for (const [name, declaration] of Object.entries(sets)) parts.push(`set ${whole(name, declaration)}`);
    for (const piece of this.#pieces.values()) for (const [name, declaration] of piece.sets) parts.push(`set ${whole(name, declaration)}`);
    // Chains first without their rules, so that they may name each other, and the maps them.
    for (const name of skeleton.keys()) if (!skeleton.get(name)!.hook) parts.push(`chain ${name} { }`);
    for (const piece of this.#pieces.values()) for (const name of piece.chains.keys()) parts.push(`chain ${name} { }`);
    for (const [name, declaration] of Object.entries(maps)) parts.push(`map ${whole(name, declaration)}`);
    for (const [name, { hook = '', rules }] of skeleton) parts.push(`chain ${name} {`, hook, ...rules, '}');
    for (const piece of this.#pieces.values()) for (const [name, rules] of piece.chains) parts.push(`chain ${name} {`, ...rules, '}');
    return parts.join('\n') + '\n}\n';
  }

  #claim(text: string, owner: string, value: string): void {
    let claims = this.#claims.get(text);
    if (!claims) this.#claims.set(text, (claims = new Map()));
    claims.set(owner, value);
  }

  #unclaim(text: string, owner: string): void {
    const claims = this.#claims.get(text);
    claims?.delete(owner);
    if (claims?.size === 0) this.#claims.delete(text);
  }

  #valueOf(text: string): string | undefined {
    const claims = this.#claims.get(text);
    if (!claims) return undefined;
    let first: string | undefined;
    for (const owner of claims.keys()) if (first === undefined || owner < first) first = owner;
    return claims.get(first!);
  }
}

function split(text: string): [set: string, key: string] {
  const space = text.indexOf(' ');
  return [text.slice(0, space), text.slice(space + 1)];
}

function element(key: string, value: string): string {
  return value === '' ? key : `${key} : ${value}`;
}

function collect(into: Map<string, string[]>, name: string, entry: string): void {
  const entries = into.get(name);
  if (entries) entries.push(entry);
  else into.set(name, [entry]);
}

function samePiece(a: Piece, b: Piece): boolean {
  if (a === b) return true;
  if (a.chains.size !== b.chains.size || a.sets.size !== b.sets.size || a.elements.length !== b.elements.length) return false;
  for (const [name, rules] of a.chains) {
    const others = b.chains.get(name);
    if (!others || !sameLines(rules, others)) return false;
  }
  for (const [name, declaration] of a.sets) if (b.sets.get(name) !== declaration) return false;
  return a.elements.every((one, index) => one.set === b.elements[index]!.set && one.key === b.elements[index]!.key && one.value === b.elements[index]!.value);
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}
