// YAML as Kubernetes reads it: version 1.1 (yes and on are booleans, << merges), but times stay text.
import { dump, load, Schema, YAML11_SCHEMA, binaryTag, omapTag, pairsTag, setTag, timestampTag } from 'js-yaml';

const schema = new Schema(YAML11_SCHEMA.tags.filter((tag) => ![binaryTag, omapTag, pairsTag, setTag, timestampTag].includes(tag as never)));

/** Aliases may make a small text mean a huge document; no honest one has so many values. */
const mostValues = 500_000;

/** One document, as plain JSON values that share nothing. Throws an Error that says where the text is wrong. */
export function parseYaml(text: string): unknown {
  return plain(load(text, { schema }), { left: mostValues });
}

export function writeYaml(value: unknown): string {
  return dump(value, { noRefs: true, lineWidth: -1 });
}

function plain(value: unknown, budget: { left: number }): unknown {
  if (budget.left-- === 0) throw new Error('the document has too many values');
  if (Array.isArray(value)) return value.map((item) => plain(item, budget));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item, budget)]));
}
