// Functions of texts: the standard ones, the extended strings library, regular expressions, and URLs. Positions count letters.
import { compilePattern } from '../../custom/regular-expression.ts';
import type { Budget, FunctionTable } from '../functions.ts';
import { Duration, EvaluationError, kindOf, Opaque, showDuration, showTimestamp, Timestamp, Uint } from '../values.ts';

class Url extends Opaque {
  readonly type = 'url';
  readonly url: URL | undefined;
  readonly text: string;
  constructor(text: string) {
    super();
    this.text = text;
    this.url = text.startsWith('/') ? undefined : new URL(text);
  }
  equals(other: unknown): boolean {
    return other instanceof Url && other.text === this.text;
  }
}

/** A tenth of a unit for each letter: as upstream reckons what goes through a text. */
const read = (budget: Budget, ...texts: readonly string[]) => budget.spend(texts.reduce((sum, { length }) => sum + length, 0) * 0.1);

function pattern(text: string, budget: Budget, on: string) {
  budget.spend(Math.max(1, on.length * 0.1) * Math.max(1, text.length * 0.25));
  try {
    return compilePattern(text).matcher(on);
  } catch (error) {
    throw new EvaluationError((error as Error).message);
  }
}

export const textFunctions: FunctionTable = {
  'string.contains(string): bool': ([text, part], budget) => (read(budget, text, part), text.includes(part)),
  'string.startsWith(string): bool': ([text, part], budget) => (read(budget, part), text.startsWith(part)),
  'string.endsWith(string): bool': ([text, part], budget) => (read(budget, part), text.endsWith(part)),
  'string.matches(string): bool': ([text, expression], budget) => pattern(expression, budget, text).find(),
  'matches(string, string): bool': ([text, expression], budget) => pattern(expression, budget, text).find(),
  'string.find(string): string': ([text, expression], budget) => {
    const matcher = pattern(expression, budget, text);
    return matcher.find() ? (matcher.group() ?? '') : '';
  },
  'string.findAll(string): list<string>': ([text, expression], budget) => allFound(text, expression, -1, budget),
  'string.findAll(string, int): list<string>': ([text, expression, most], budget) => allFound(text, expression, Number(most), budget),
  'string.charAt(int): string': ([text, at]) => within([...text], at, true) ?? '',
  'string.indexOf(string): int': ([text, part], budget) => (read(budget, text, part), BigInt(lettersBefore(text, text.indexOf(part)))),
  'string.indexOf(string, int): int': ([text, part, from], budget) => (read(budget, text, part), BigInt(lettersBefore(text, text.indexOf(part, unitsTo(text, from))))),
  'string.lastIndexOf(string): int': ([text, part], budget) => (read(budget, text, part), BigInt(lettersBefore(text, text.lastIndexOf(part)))),
  'string.lastIndexOf(string, int): int': ([text, part, from], budget) => (read(budget, text, part), BigInt(lettersBefore(text, text.lastIndexOf(part, unitsTo(text, from))))),
  'string.lowerAscii(): string': ([text], budget) => (read(budget, text), text.replaceAll(/[A-Z]/g, (letter: string) => letter.toLowerCase())),
  'string.upperAscii(): string': ([text], budget) => (read(budget, text), text.replaceAll(/[a-z]/g, (letter: string) => letter.toUpperCase())),
  'string.replace(string, string): string': ([text, from, to], budget) => (read(budget, text, from, to), text.replaceAll(from, () => to)),
  'string.replace(string, string, int): string': ([text, from, to, most], budget) => (read(budget, text, from, to), replaceSome(text, from, to, Number(most))),
  'string.split(string): list<string>': ([text, by], budget) => (read(budget, text), by === '' ? [...text] : text.split(by)),
  'string.split(string, int): list<string>': ([text, by, most], budget) => (read(budget, text), splitSome(text, by, Number(most))),
  'string.substring(int): string': ([text, from]) => slice(text, from, undefined),
  'string.substring(int, int): string': ([text, from, to]) => slice(text, from, to),
  'string.trim(): string': ([text], budget) => (read(budget, text), text.trim()),
  'string.reverse(): string': ([text], budget) => (read(budget, text), [...text].reverse().join('')),
  'list<string>.join(): string': ([list], budget) => (read(budget, ...list), list.join('')),
  'list<string>.join(string): string': ([list, by], budget) => (read(budget, ...list), list.join(by)),
  'jsonpatch.escapeKey(string): string': ([text]) => text.replaceAll('~', '~0').replaceAll('/', '~1'),
  'strings.quote(string): string': ([text], budget) => (read(budget, text), JSON.stringify(text)),
  'string.format(list<dyn>): string': ([text, args], budget) => (read(budget, text), format(text, args)),

  'isURL(string): bool': ([text], budget) => (read(budget, text), isUrl(text)),
  'url(string): url': ([text], budget) => {
    read(budget, text);
    const [problem] = uriProblem(text);
    if (problem) throw new EvaluationError(`URL parse error during conversion from string: ${problem}`);
    return new Url(text);
  },
  'url.getScheme(): string': ([{ url }]) => url?.protocol.slice(0, -1) ?? '',
  'url.getHost(): string': ([{ url }]) => url?.host ?? '',
  'url.getHostname(): string': ([{ url }]) => url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '',
  'url.getPort(): string': ([{ url, text }]) => url?.port || (/:\/\/[^/]*:(\d+)/.exec(text)?.[1] ?? ''),
  'url.getEscapedPath(): string': ([{ url, text }]) => (url ? (/^[^:]+:\/\/[^/]*$/.test(text) ? '' : url.pathname) : text.split('?')[0]!),
  'url.getQuery(): map<string, list<string>>': ([{ url, text }]) => {
    const query = new Map<string, string[]>();
    for (const [name, value] of url?.searchParams ?? new URLSearchParams(text.split('?')[1] ?? '')) query.set(name, [...(query.get(name) ?? []), value]);
    return query;
  },
};

/** In the words of Go's parser. */
export function uriProblem(text: string): string[] {
  return text === '' ? ['parse "": empty url'] : isUrl(text) ? [] : [`parse ${JSON.stringify(text)}: invalid URI for request`];
}

function isUrl(text: string): boolean {
  return text.startsWith('/') ? !/\s/.test(text) : /^[a-z][a-z0-9+.-]*:/i.test(text) && URL.canParse(text);
}

function allFound(text: string, expression: string, most: number, budget: Budget): string[] {
  const matcher = pattern(expression, budget, text);
  const found: string[] = [];
  while ((most < 0 || found.length < most) && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

function within<T>(items: readonly T[], at: bigint, mayBeEnd: boolean): T | undefined {
  if (at < 0n || at > items.length || (!mayBeEnd && at === BigInt(items.length))) throw new EvaluationError(`index out of range: ${at}`);
  return items[Number(at)];
}

function lettersBefore(text: string, unit: number): number {
  return unit <= 0 ? unit : Array.from(text.slice(0, unit)).length;
}

function unitsTo(text: string, letters: bigint): number {
  if (letters < 0n || letters > [...text].length) throw new EvaluationError(`index out of range: ${letters}`);
  return [...text].slice(0, Number(letters)).join('').length;
}

function slice(text: string, from: bigint, to: bigint | undefined): string {
  const all = [...text];
  const end = to ?? BigInt(all.length);
  if (from < 0n || from > all.length) throw new EvaluationError(`index out of range: ${from}`);
  if (end < 0n || end > all.length) throw new EvaluationError(`index out of range: ${end}`);
  if (from > end) throw new EvaluationError(`invalid substring range. start: ${from}, end: ${end}`);
  return all.slice(Number(from), Number(end)).join('');
}

function replaceSome(text: string, from: string, to: string, most: number): string {
  if (most < 0) return text.replaceAll(from, () => to);
  let left = most;
  return text.replaceAll(from, (found) => (left-- > 0 ? to : found));
}

function splitSome(text: string, by: string, most: number): string[] {
  if (most === 0) return [];
  const parts = by === '' ? [...text] : text.split(by);
  return most < 0 || parts.length <= most ? parts : [...parts.slice(0, most - 1), parts.slice(most - 1).join(by)];
}

function format(text: string, args: readonly unknown[]): string {
  let next = 0;
  return text.replaceAll(/%(?:%|(?:\.(\d+))?([a-zA-Z]))/g, (verb, precision: string | undefined, letter: string | undefined) => {
    if (verb === '%%') return '%';
    if (next >= args.length) throw new EvaluationError(`index ${next} out of range`);
    const value = args[next++];
    const number = value instanceof Uint ? value.value : value;
    switch (letter) {
      case 's': return shown(value);
      case 'd': if (typeof number === 'bigint') return String(number); break;
      case 'f': if (typeof number === 'number' || typeof number === 'bigint') return Number(number).toFixed(Number(precision ?? 6)); break;
      case 'e': if (typeof number === 'number' || typeof number === 'bigint') return Number(number).toExponential(Number(precision ?? 6)).replace(/e([+-])(\d)$/, 'e$10$2'); break;
      case 'b': if (typeof number === 'bigint') return number.toString(2); if (typeof number === 'boolean') return number ? '1' : '0'; break;
      case 'o': if (typeof number === 'bigint') return number.toString(8); break;
      case 'x': case 'X': {
        const hex = typeof number === 'bigint' ? number.toString(16) : typeof number === 'string' ? Buffer.from(number).toString('hex') : undefined;
        if (hex !== undefined) return letter === 'X' ? hex.toUpperCase() : hex;
      }
    }
    throw new EvaluationError(`error during formatting: could not convert argument of type ${kindOf(value)} for %${letter}`);
  });
}

/** As `%s` prints a value. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Timestamp) return showTimestamp(value);
  if (value instanceof Duration) return showDuration(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, one]) => `${shown(key)}: ${shown(one)}`).sort().join(', ')}}`;
  return String(value);
}
