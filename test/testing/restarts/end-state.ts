// What there is, without what chance and time have made of it: two runs that came to the same have the same lines.
import type { KubeObject, Node } from '../../../src/api/types.ts';
import type { Picture } from './ledger.ts';

const dropped: ReadonlySet<string> = new Set(['resourceVersion', 'generation', 'observedGeneration', 'managedFields', 'podIP', 'podIPs', 'hostIP', 'hostIPs', 'containerID', 'imageID', 'nodeName', 'addresses', 'ip', 'clusterIP', 'clusterIPs', 'startedAt', 'finishedAt']);
const droppedKeys = /(?:uid|time|timestamp)$/i;
/** Names that the API makes up inside of objects. */
const madeUp = /kube-api-access-[a-z0-9]{5}/g;

export function endState(picture: Picture): readonly string[] {
  const names = generatedNames(picture);
  const lines: string[] = [];
  for (const plural of picture.plurals) {
    for (const object of picture.of(plural)) lines.push(`${plural} ${JSON.stringify(scrubbed(plural === 'nodes' ? nodeShown(object as Node) : object, names))}`);
  }
  return lines.sort();
}

/** What differs, for people; '': nothing. */
export function difference(wanted: readonly string[], found: readonly string[]): string {
  const added = [...found];
  const missing = wanted.filter((line) => {
    const at = added.indexOf(line);
    if (at >= 0) added.splice(at, 1);
    return at < 0;
  });
  // Lines that begin alike are likely about the same object: what they have in common is left out.
  const alike = (line: string) => line.slice(0, line.indexOf('{'));
  return [
    ...missing.flatMap((line) => {
      const at = added.findIndex((other) => alike(other) === alike(line));
      const [other] = at < 0 ? [] : added.splice(at, 1);
      return other === undefined ? [`- ${line}`] : unlike(alike(line), line, other);
    }),
    ...added.map((line) => `+ ${line}`),
  ].map((line) => line.slice(0, longestLine)).join('\n');
}

function unlike(about: string, line: string, other: string): readonly string[] {
  let from = 0;
  while (line[from] === other[from]) from++;
  let same = 0;
  while (same < Math.min(line.length, other.length) - from && line.at(-1 - same) === other.at(-1 - same)) same++;
  const part = (text: string) => text.slice(Math.max(0, from - context), text.length - same + context);
  return [`- ${about}… ${part(line)}`, `+ ${about}… ${part(other)}`];
}

const longestLine = 600;
const context = 80;

function nodeShown({ metadata, spec, status }: Node): object {
  return { name: metadata.name, taints: (spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`), ready: status.conditions?.find(({ type }) => type === 'Ready')?.status };
}

/** What the API makes of the names that it is to complete, also of those that it refused. */
function generatedNames(picture: Picture): RegExp {
  const prefixes = new Set<string>();
  for (const plural of picture.plurals) {
    for (const { metadata: { generateName } } of picture.of<KubeObject & { metadata: { generateName?: string } }>(plural)) if (generateName) prefixes.add(generateName);
  }
  return prefixes.size > 0 ? new RegExp(`\\b(${[...prefixes].map((prefix) => prefix.replaceAll('.', '\\.')).join('|')})[a-z0-9]{5}\\b`, 'g') : /$^/g;
}

function scrubbed(value: unknown, names: RegExp): unknown {
  if (typeof value === 'string') return value.replace(madeUp, 'kube-api-access-*').replace(names, '$1*');
  if (Array.isArray(value)) return value.map((one) => scrubbed(one, names)).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (value === null || typeof value !== 'object') return value;
  const fields = Object.entries(value).filter(([key]) => !dropped.has(key) && !droppedKeys.test(key)).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([key, inner]) => [key, scrubbed(inner, names)]));
}
