// Values by chance: as a schema has them, and then broken.
import { Chance } from '../registry-model/chance.ts';

export type Schema = Record<string, any>;

/** No address but this machine's: nothing that is made here may lead anywhere. */
const words = ['a', 'n0', 'default', 'example.com/x', '', 'Always', 'x'.repeat(300), 'größe', '\u0000', '-1', '0', '1', '127.0.0.1', '10Gi', '1e400', '100%', '{{', '$(A)', '../..', '2026-01-01T00:00:00Z', '*', 'metadata.name', 'true', '__proto__', 'constructor', "a'b\"c", '🙂', '\ud800'];
const numbers = [0, 1, -1, 2, 443, 65_536, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 0.5, -0, 1e21];

export class Values {
  readonly chance: Chance;
  readonly #schemas: Readonly<Record<string, Schema>>;

  constructor(chance: Chance, schemas: Readonly<Record<string, Schema>>) {
    this.chance = chance;
    this.#schemas = schemas;
  }

  /** As the schema has it, with only some of what may be left out. */
  ofSchema(given: Schema | undefined, depth = 0): unknown {
    const { chance } = this;
    const schema = this.#resolved(given);
    if (!schema || depth > 9) return chance.of(words);
    if (schema['enum']) return chance.of(schema['enum'] as unknown[]);
    if (schema['properties']) {
      const required = new Set<string>(schema['required'] ?? []);
      const object: Record<string, unknown> = {};
      for (const [name, field] of Object.entries(schema['properties'] as Record<string, Schema>)) {
        if (required.has(name) || chance.oneIn(depth < 2 ? 2 : 4)) object[name] = this.ofSchema(field, depth + 1);
      }
      return object;
    }
    switch (schema['type']) {
      case 'array': return Array.from({ length: chance.of([0, 1, 1, 2]) }, () => this.ofSchema(schema['items'], depth + 1));
      case 'integer': return chance.oneIn(3) ? chance.of(numbers.filter(Number.isInteger)) : chance.below(10);
      case 'number': return chance.of(numbers);
      case 'boolean': return chance.oneIn(2);
      case 'object': return schema['additionalProperties'] ? Object.fromEntries(Array.from({ length: chance.below(3) }, () => [chance.of(words), this.ofSchema(schema['additionalProperties'], depth + 1)])) : {};
      default:
        if (schema['format'] === 'date-time') return chance.oneIn(4) ? chance.of(words) : '2026-01-01T00:00:00Z';
        if (schema['format'] === 'byte') return chance.oneIn(4) ? chance.of(words) : 'QUFB';
        return chance.of(words);
    }
  }

  /** Anything at all. */
  any(depth = 0): unknown {
    const { chance } = this;
    switch (chance.below(depth > 4 ? 5 : 8)) {
      case 0: return null;
      case 1: return chance.of(numbers);
      case 2: return chance.oneIn(2);
      case 3: case 4: return chance.of(words);
      case 5: return Array.from({ length: chance.below(4) }, () => this.any(depth + 1));
      default: return Object.fromEntries(Array.from({ length: chance.below(4) }, () => [chance.of([...words, 'metadata', 'spec', 'status', 'name', 'items', 'kind']), this.any(depth + 1)]));
    }
  }

  /** Changes something somewhere within, in place. */
  mutate(root: unknown): void {
    const { chance } = this;
    let at = root as any;
    for (let depth = chance.below(8); depth > 0; depth--) {
      const below = typeof at === 'object' && at !== null ? Object.keys(at).filter((key) => typeof at[key] === 'object' && at[key] !== null) : [];
      if (below.length === 0) break;
      at = at[chance.of(below)];
    }
    if (typeof at !== 'object' || at === null) return;
    const keys = Object.keys(at);
    const key = keys.length > 0 && !chance.oneIn(4) ? chance.of(keys) : chance.of(words);
    if (Array.isArray(at) && chance.oneIn(2)) at.push(this.any());
    else if (chance.oneIn(5)) delete at[key];
    else Object.defineProperty(at, key, { value: this.any(), enumerable: true, configurable: true, writable: true });
  }

  word(): string {
    return this.chance.of(words);
  }

  #resolved(schema: Schema | undefined): Schema | undefined {
    let found = schema;
    for (let steps = 0; found && steps < 5; steps++) {
      const reference: string | undefined = found['$ref'] ?? found['allOf']?.[0]?.$ref;
      if (!reference) break;
      found = this.#schemas[reference.slice(reference.lastIndexOf('/') + 1)];
    }
    return found;
  }
}
