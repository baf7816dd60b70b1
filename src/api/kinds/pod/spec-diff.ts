// What is different between two parts of a Pod, as the API server shows it: like a Go value, with the lines that went and came
// marked and the rest counted.
import { sameJson } from '../../meta.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Begins with the type's name: `core.PodSpec{ … }`. */
export function specDiff(type: string, before: object, after: object): string {
  return [`  ${type}{`, ...fieldLines('', before as Fields, after as Fields, 1), '  }', ''].join('\n');
}

function fieldLines(of: string, before: Fields, after: Fields, depth: number): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => present(own(before, key)) || present(own(after, key)));
  return grouped(keys, (key) => sameJson(own(before, key), own(after, key)), 'field', depth, (key) => changedLines(key, `${shownName(of, key)}: `, own(before, key), own(after, key), depth));
}

function changedLines(field: string, label: string, before: unknown, after: unknown, depth: number): string[] {
  const tabs = '\t'.repeat(depth);
  if (isFields(before) && isFields(after)) return [`  ${tabs}${label}{`, ...fieldLines(field, before, after, depth + 1), `  ${tabs}},`];
  if (Array.isArray(before) && Array.isArray(after)) return [`  ${tabs}${label}{`, ...itemLines(before, after, depth + 1), `  ${tabs}},`];
  return [...(present(before) ? [`- ${tabs}${label}${shown(field, before)},`] : []), ...(present(after) ? [`+ ${tabs}${label}${shown(field, after)},`] : [])];
}

function itemLines(before: readonly unknown[], after: readonly unknown[], depth: number): string[] {
  const indexes = Array.from({ length: Math.max(before.length, after.length) }, (_, index) => index);
  return grouped(indexes, (index) => sameJson(before[index], after[index]), 'element', depth, (index) => changedLines('', '', before[index], after[index], depth));
}

/** What is the same is counted where it stands. */
function grouped<T>(all: readonly T[], isSame: (one: T) => boolean, word: string, depth: number, changed: (one: T) => string[]): string[] {
  const lines: string[] = [];
  let same = 0;
  const tell = () => {
    if (same > 0) lines.push(`  ${'\t'.repeat(depth)}... // ${same} identical ${word}${same === 1 ? '' : 's'}`);
    same = 0;
  };
  for (const one of all) {
    if (isSame(one)) {
      same++;
      continue;
    }
    tell();
    lines.push(...changed(one));
  }
  tell();
  return lines;
}

function shown(of: string, value: unknown): string {
  if (Array.isArray(value)) return `{${value.map((each) => shown('', each)).join(', ')}}`;
  if (isFields(value)) return `{${Object.entries(value).map(([key, each]) => `${shownName(of, key)}: ${shown(key, each)}`).join(', ')}}`;
  return JSON.stringify(value);
}

const maps: ReadonlySet<string> = new Set(['annotations', 'labels', 'limits', 'matchLabels', 'nodeSelector', 'options', 'overhead', 'requests', 'userAnnotations', 'volumeAttributes']);

/** Fields begin with a capital; keys of maps are texts. */
function shownName(of: string, key: string): string {
  return maps.has(of) || !/^[a-zA-Z0-9]+$/.test(key) ? JSON.stringify(key) : key[0]!.toUpperCase() + key.slice(1);
}

function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}
