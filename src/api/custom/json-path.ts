// The JSON paths of CustomResourceDefinitions: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`,
// `.metadata.labels['app\.kubernetes\.io/name']`, `.spec.hosts[0]`, `.spec.hosts[*].name`.
import { isObject } from '../patch/json.ts';

type Part =
  | { readonly type: 'field'; readonly name: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'slice'; readonly from: number; readonly to: number }
  | { readonly type: 'all' }
  | { readonly type: 'descend' }
  | { readonly type: 'filter'; readonly path: readonly Part[]; readonly operator: string; readonly operand: unknown };

/** All values at the path, in order; [] when there are none. */
export type JsonPath = (value: unknown) => unknown[];

/** Throws Error for a path that cannot be read. */
export function parseJsonPath(text: string): JsonPath {
  const parts = new Reader(text).parts();
  return (value) => find(value, parts);
}

/** The names of a path that is nothing but fields: `.spec.replicas`. Undefined for any other. */
export function fieldsOfPath(text: string): readonly string[] | undefined {
  const parts = new Reader(text).parts();
  return parts.every((part) => part.type === 'field') ? parts.map((part) => (part as { name: string }).name) : undefined;
}

function find(value: unknown, parts: readonly Part[]): unknown[] {
  let found: unknown[] = [value];
  for (const part of parts) found = found.flatMap((one) => step(one, part));
  return found;
}

function step(value: unknown, part: Part): unknown[] {
  switch (part.type) {
    case 'field':
      return isObject(value) && Object.hasOwn(value, part.name) ? [value[part.name]] : [];
    case 'index': {
      if (!Array.isArray(value)) return [];
      const item: unknown = value.at(part.index);
      return item === undefined ? [] : [item];
    }
    case 'slice':
      return Array.isArray(value) ? value.slice(part.from, part.to) : [];
    case 'all':
      return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
    case 'descend':
      return [value, ...(Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []).flatMap((inner) => step(inner, part))];
    case 'filter': {
      const items: unknown[] = Array.isArray(value) ? value : [];
      return items.filter((item) => find(item, part.path).some((one) => compares(one, part.operator, part.operand)));
    }
  }
}

function compares(value: unknown, operator: string, operand: unknown): boolean {
  switch (operator) {
    case '':
      return true;
    case '==':
      return value === operand;
    case '!=':
      return value !== operand;
    default: {
      if (typeof value !== typeof operand || (typeof value !== 'number' && typeof value !== 'string')) return false;
      const [a, b] = [value as number, operand as number];
      return operator === '<' ? a < b : operator === '<=' ? a <= b : operator === '>' ? a > b : a >= b;
    }
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.trim().replace(/^\{(.*)\}$/s, '$1');
    if (this.#text.startsWith('$')) this.#at = 1;
  }

  parts(): Part[] {
    const parts: Part[] = [];
    while (this.#at < this.#text.length) {
      if (this.#take('..')) {
        parts.push({ type: 'descend' });
        if (this.#text[this.#at] !== '[') parts.push(this.#field());
      } else if (this.#take('.')) {
        if (this.#at < this.#text.length && this.#text[this.#at] !== '[') parts.push(this.#field());
      } else if (this.#take('[')) parts.push(...this.#bracket());
      else throw new Error(`unrecognized character in action: U+${this.#text.codePointAt(this.#at)!.toString(16).toUpperCase().padStart(4, '0')} '${this.#text[this.#at]}'`);
    }
    return parts;
  }

  #field(): Part {
    let name = '';
    while (this.#at < this.#text.length && !'.[]'.includes(this.#text[this.#at]!)) {
      if (this.#text[this.#at] === '\\') this.#at++;
      name += this.#text[this.#at++] ?? '';
    }
    if (name === '') throw new Error('unexpected path string, expected field name');
    return name === '*' ? { type: 'all' } : { type: 'field', name };
  }

  #bracket(): Part[] {
    if (this.#take('?(')) return [this.#filter()];
    const end = this.#endOfBracket(']');
    const inner = this.#text.slice(this.#at, end).trim();
    this.#at = end + 1;
    if (inner === '*') return [{ type: 'all' }];
    const quoted = /^(['"])(.*)\1$/s.exec(inner);
    if (quoted) return [{ type: 'field', name: quoted[2]!.replaceAll(/\\(.)/g, '$1') }];
    if (/^-?\d+$/.test(inner)) return [{ type: 'index', index: Number(inner) }];
    const slice = /^(-?\d*):(-?\d*)$/.exec(inner);
    if (slice) return [{ type: 'slice', from: Number(slice[1] || 0), to: slice[2] === '' ? Infinity : Number(slice[2]) }];
    throw new Error(`invalid array index ${inner}`);
  }

  #filter(): Part {
    const end = this.#endOfBracket(')');
    const inner = this.#text.slice(this.#at, end).trim();
    this.#at = end + 1;
    if (!this.#take(']')) throw new Error('unclosed array expect ]');
    const [, path = '', operator = '', operand = ''] = /^@((?:\[[^\]]*\]|[^=!<>\s[])*)\s*(?:(==|!=|<=|>=|<|>)\s*(.*))?$/s.exec(inner) ?? [];
    if (!inner.startsWith('@')) throw new Error(`unrecognized filter ${inner}`);
    return { type: 'filter', path: new Reader(path).parts(), operator, operand: operator ? literal(operand.trim()) : undefined };
  }

  /** Where the bracket closes, texts in quotes passed over. */
  #endOfBracket(close: string): number {
    let quote = '';
    let depth = 0;
    for (let i = this.#at; i < this.#text.length; i++) {
      const character = this.#text[i]!;
      if (quote) {
        if (character === '\\') i++;
        else if (character === quote) quote = '';
      } else if (character === '"' || character === "'") quote = character;
      else if (character === '[' || character === '(') depth++;
      else if (depth > 0 && (character === ']' || character === ')')) depth--;
      else if (character === close) return i;
    }
    throw new Error('unterminated array');
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}

function literal(text: string): unknown {
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted) return quoted[2]!.replaceAll(/\\(.)/g, '$1');
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  if (text === '' || Number.isNaN(number)) throw new Error(`unrecognized operand ${text}`);
  return number;
}
