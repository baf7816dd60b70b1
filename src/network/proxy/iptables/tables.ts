// The cluster's chains of one IP family in iptables as they should be, and the input for iptables-restore --noflush that leads there: the
// whole of them, or only what has changed. Pure but for its own memory; nothing here runs anything.
import { chainPrefix, chainsOf, masqueradeWord } from '../../pod-network/iptables-rules.ts';
import { fixedChains, jumps, sharedChains, type IptablesPlan, type IptablesTable, type SharedChain } from './skeleton.ts';
import type { IptablesPiece } from './service-rules.ts';

const nothing: IptablesPiece = { chains: new Map(), shared: [] };
const tableNames: readonly IptablesTable[] = ['nat', 'filter'];

export class IptablesTables {
  readonly #plan: IptablesPlan;
  readonly #pieces = new Map<string, IptablesPiece>();
  /** What was there at the last script, of owners that have changed since. */
  readonly #changed = new Map<string, IptablesPiece>();
  /** `chain match` → owner → target. */
  readonly #claims = new Map<string, Map<string, string>>();

  constructor(plan: IptablesPlan) {
    this.#plan = plan;
  }

  /** `piece` undefined: the owner has gone. */
  put(owner: string, piece: IptablesPiece | undefined): void {
    const before = this.#pieces.get(owner) ?? nothing;
    if (samePiece(before, piece ?? nothing)) return;
    if (!this.#changed.has(owner)) this.#changed.set(owner, before);
    if (piece) this.#pieces.set(owner, piece);
    else this.#pieces.delete(owner);
  }

  /** What has changed since the last script was taken; undefined when nothing has. */
  takeChanges(): string | undefined {
    const nat = { chains: [] as string[], gone: [] as string[] };
    const touched = new Map<string, string | undefined>();
    for (const [owner, before] of this.#changed) {
      const after = this.#pieces.get(owner) ?? nothing;
      for (const [name, rules] of after.chains) if (!sameLines(before.chains.get(name) ?? [], rules)) nat.chains.push(...whole(name, rules));
      for (const name of before.chains.keys()) {
        if (after.chains.has(name)) continue;
        nat.chains.push(declared(name));
        nat.gone.push(`-X ${name}`);
      }
      for (const { chain, match } of [...before.shared, ...after.shared]) {
        const claim = `${chain} ${match}`;
        if (!touched.has(claim)) touched.set(claim, this.#targetOf(claim));
      }
      for (const { chain, match } of before.shared) this.#unclaim(`${chain} ${match}`, owner);
      for (const { chain, match, target } of after.shared) this.#claim(`${chain} ${match}`, owner, target);
    }
    this.#changed.clear();
    const shared: Record<IptablesTable, string[]> = { nat: [], filter: [] };
    for (const [claim, before] of touched) {
      const now = this.#targetOf(claim);
      if (now === before) continue;
      const { table, rule } = this.#ruleOf(claim);
      if (before !== undefined) shared[table].push(`-D ${rule} ${before}`);
      if (now !== undefined) shared[table].push(`-A ${rule} ${now}`);
    }
    // A chain is declared before it is named, and goes when nobody names it any more.
    const sorted = [...nat.chains.filter((line) => line.startsWith(':')), ...nat.chains.filter((line) => !line.startsWith(':'))];
    return script({ nat: [...sorted, ...shared.nat, ...nat.gone], filter: shared.filter });
  }

  /** Makes everything anew, whatever was there: `saved` is what iptables-save tells of each table. */
  takeWhole(saved: Readonly<Record<IptablesTable, string>>): string {
    this.takeChanges();
    const prefix = chainPrefix(this.#plan);
    const chains: Record<IptablesTable, Map<string, string[]>> = { nat: new Map(), filter: new Map() };
    for (const table of tableNames) for (const [name, rules] of Object.entries(fixedChains(this.#plan)[table])) chains[table].set(name, [...rules]);
    for (const [word, table] of Object.entries(sharedChains)) chains[table].set(prefix + word, []);
    for (const claim of this.#claims.keys()) {
      const { table, chain, match } = this.#ruleOf(claim);
      chains[table].get(chain)!.push(`${match} ${this.#targetOf(claim)}`);
    }
    for (const { chains: own } of this.#pieces.values()) for (const [name, rules] of own) chains.nat.set(name, [...rules]);
    const lines: Record<IptablesTable, string[]> = { nat: [], filter: [] };
    for (const table of tableNames) {
      const stale = chainsOf(saved[table], prefix).filter((name) => !chains[table].has(name) && name !== prefix + masqueradeWord);
      const absent = jumps(this.#plan)[table].filter((jump) => !saved[table].split('\n').includes(`-A ${jump}`));
      lines[table] = [
        ...[...chains[table].keys(), ...stale].map(declared),
        ...[...chains[table]].flatMap(([name, rules]) => rules.map((rule) => `-A ${name} ${rule}`)),
        ...absent.map((jump) => `-I ${jump}`),
        ...stale.map((name) => `-X ${name}`),
      ];
    }
    return script(lines)!;
  }

  #ruleOf(claim: string): { readonly table: IptablesTable; readonly chain: string; readonly match: string; readonly rule: string } {
    const space = claim.indexOf(' ');
    const [word, match] = [claim.slice(0, space) as SharedChain, claim.slice(space + 1)];
    const chain = chainPrefix(this.#plan) + word;
    return { table: sharedChains[word], chain, match, rule: `${chain} ${match}` };
  }

  #claim(claim: string, owner: string, target: string): void {
    const owners = this.#claims.get(claim);
    if (owners) owners.set(owner, target);
    else this.#claims.set(claim, new Map([[owner, target]]));
  }

  #unclaim(claim: string, owner: string): void {
    const owners = this.#claims.get(claim);
    owners?.delete(owner);
    if (owners?.size === 0) this.#claims.delete(claim);
  }

  #targetOf(claim: string): string | undefined {
    const owners = this.#claims.get(claim);
    return owners?.get([...owners.keys()].reduce((first, owner) => (owner < first ? owner : first)));
  }
}

function whole(name: string, rules: readonly string[]): string[] {
  return [declared(name), ...rules.map((rule) => `-A ${name} ${rule}`)];
}

/** Makes the chain, or empties it. */
function declared(name: string): string {
  return `:${name} - [0:0]`;
}

function script(lines: Readonly<Record<IptablesTable, readonly string[]>>): string | undefined {
  const parts = tableNames.filter((table) => lines[table].length > 0).map((table) => [`*${table}`, ...lines[table], 'COMMIT', ''].join('\n'));
  return parts.length === 0 ? undefined : parts.join('');
}

function samePiece(a: IptablesPiece, b: IptablesPiece): boolean {
  if (a.chains.size !== b.chains.size || a.shared.length !== b.shared.length) return false;
  for (const [name, rules] of a.chains) if (!sameLines(b.chains.get(name) ?? [], rules)) return false;
  return a.shared.every((one, index) => one.chain === b.shared[index]!.chain && one.match === b.shared[index]!.match && one.target === b.shared[index]!.target);
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}
