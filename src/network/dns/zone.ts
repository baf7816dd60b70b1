// What the cluster's DNS knows: records by name, filed by their owner so that a Service's can be replaced alone. Pure.
// A name that has no record of the type asked for, or only stands above others, is there and has no data; that is not the same as a
// name that does not exist, and resolvers rely on it.
import { formatIp, parseIp } from '../../base/ip.ts';

export type ZoneRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly ip: string }
  | { readonly type: 'CNAME' | 'PTR'; readonly name: string; readonly target: string }
  | { readonly type: 'SRV'; readonly name: string; readonly port: number; readonly target: string }
  | { readonly type: 'TXT'; readonly name: string; readonly text: string }
  | { readonly type: 'NS'; readonly name: string; readonly target: string };

export type Found =
  | { readonly type: 'records'; readonly records: readonly ZoneRecord[] }
  | { readonly type: 'no-data' }
  | { readonly type: 'no-name' }
  /** Not ours to answer. */
  | { readonly type: 'elsewhere' };

export class Zone {
  readonly domain: string;
  readonly #namespaceExists: (name: string) => boolean;
  readonly #byOwner = new Map<string, readonly ZoneRecord[]>();
  readonly #byName = new Map<string, ZoneRecord[]>();
  /** Names above others → how many records are below. */
  readonly #above = new Map<string, number>();

  constructor(domain: string, namespaceExists: (name: string) => boolean) {
    this.domain = domain;
    this.#namespaceExists = namespaceExists;
  }

  /** Replaces what the owner had. */
  put(owner: string, records: readonly ZoneRecord[]): void {
    for (const record of this.#byOwner.get(owner) ?? []) this.#remove(record);
    if (records.length === 0) this.#byOwner.delete(owner);
    else this.#byOwner.set(owner, records);
    for (const record of records) this.#add(record);
  }

  /** `name` in lower case, without its last dot. */
  find(name: string, type: string): Found {
    const here = this.#byName.get(name);
    if (here) {
      const alias = here.find((record) => record.type === 'CNAME');
      if (alias) return { type: 'records', records: [alias] };
      const records = distinct(type === 'ANY' ? here : here.filter((record) => record.type === type));
      return records.length > 0 ? { type: 'records', records } : { type: 'no-data' };
    }
    if (name !== this.domain && !name.endsWith(`.${this.domain}`)) return { type: 'elsewhere' };
    return this.#podOf(name, type) ?? (this.#above.has(name) || this.#isEmptyPlace(name) ? { type: 'no-data' } : { type: 'no-name' });
  }

  /** `10-85-0-2.default.pod.cluster.local` is the address that it spells, in each namespace that there is. */
  #podOf(name: string, type: string): Found | undefined {
    const suffix = `.pod.${this.domain}`;
    if (!name.endsWith(suffix)) return undefined;
    const [spelled = '', namespace, more] = name.slice(0, -suffix.length).split('.');
    if (namespace === undefined || more !== undefined || !this.#namespaceExists(namespace)) return undefined;
    // What is spelled with three dashes of decimal numbers is IPv4, as nearly all such names are.
    const ip = parseIp(spelled.replaceAll('-', '.')) ?? parseIp(spelled.replaceAll('-', ':'));
    if (!ip) return undefined;
    const own = ip.family === 'IPv4' ? 'A' : 'AAAA';
    return type === own || type === 'ANY' ? { type: 'records', records: [{ type: own, name, ip: formatIp(ip) }] } : { type: 'no-data' };
  }

  /** The zone itself, `svc`, `pod`, and the namespaces below them. */
  #isEmptyPlace(name: string): boolean {
    const labels = name.slice(0, -this.domain.length - 1).split('.');
    if (name === this.domain) return true;
    const last = labels.at(-1)!;
    if (last !== 'svc' && last !== 'pod') return false;
    return labels.length === 1 || (labels.length === 2 && this.#namespaceExists(labels[0]!));
  }

  #add(record: ZoneRecord): void {
    const present = this.#byName.get(record.name);
    if (present) present.push(record);
    else this.#byName.set(record.name, [record]);
    for (const name of namesAbove(record.name)) this.#above.set(name, (this.#above.get(name) ?? 0) + 1);
  }

  #remove(record: ZoneRecord): void {
    const present = this.#byName.get(record.name)!;
    present.splice(present.indexOf(record), 1);
    if (present.length === 0) this.#byName.delete(record.name);
    for (const name of namesAbove(record.name)) {
      const left = this.#above.get(name)! - 1;
      if (left === 0) this.#above.delete(name);
      else this.#above.set(name, left);
    }
  }
}

/** An endpoint in two slices, or on two ports, is one answer. */
function distinct(records: readonly ZoneRecord[]): readonly ZoneRecord[] {
  if (records.length < 2) return records;
  const seen = new Set<string>();
  return records.filter((record) => {
    const key = JSON.stringify(record);
    return !seen.has(key) && seen.add(key);
  });
}

function* namesAbove(name: string): Generator<string> {
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) yield name.slice(dot + 1);
}
