// From the text of an expression to its tree. Macros are known here: they are syntax, not functions.
import { ExpressionError, type BinaryOperator, type Macro, type Node } from './ast.ts';
import { uint } from './values.ts';

/** Throws ExpressionError. */
export function parse(text: string): Node {
  const parser = new Parser(text);
  return parser.whole();
}

/** Deeper trees are refused: evaluation goes down them. */
const deepest = 200;
const longest = 100_000;

type Token = { readonly at: number } & (
  | { readonly type: 'name' | 'symbol'; readonly text: string }
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'end' }
);

const reserved: ReadonlySet<string> = new Set(['as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while']);
const symbols = ['&&', '||', '==', '!=', '<=', '>=', '<', '>', '+', '-', '*', '/', '%', '!', '?', ':', '.', ',', '(', ')', '[', ']', '{', '}'];
const numberPattern = /0[xX][0-9a-fA-F]+[uU]?|\d+\.\d+(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?/y;
const namePattern = /[A-Za-z_][A-Za-z0-9_]*/y;
const stringStart = /(?:[rR][bB]|[bB][rR]|[rRbB])?(?:'''|"""|'|")/y;
const quotedName = /`[A-Za-z0-9_./\- ]+`/y;

/** What an operand may begin with, in the words of cel-go's grammar. */
const beginnings = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

class Parser {
  readonly #text: string;
  readonly #tokens: Token[] = [];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.length > longest) throw syntaxError('', 0, `expression code point size exceeds limit: size: ${text.length}, limit ${longest}`);
    this.#lex();
  }

  whole(): Node {
    const node = this.#expression();
    const token = this.#peek();
    if (token.type !== 'end') this.#unexpected(token);
    return node;
  }

  #lex(): void {
    const text = this.#text;
    let at = 0;
    const match = (pattern: RegExp) => {
      pattern.lastIndex = at;
      return pattern.exec(text)?.[0];
    };
    while (at < text.length) {
      if (/\s/.test(text[at]!)) {
        at++;
        continue;
      }
      if (text.startsWith('//', at)) {
        const end = text.indexOf('\n', at);
        at = end < 0 ? text.length : end;
        continue;
      }
      const opening = match(stringStart);
      if (opening) {
        at = this.#string(at, opening);
        continue;
      }
      const quoted = match(quotedName);
      if (quoted) {
        this.#tokens.push({ at, type: 'name', text: quoted.slice(1, -1) });
        at += quoted.length;
        continue;
      }
      const name = match(namePattern);
      if (name) {
        const value = name === 'true' ? true : name === 'false' ? false : null;
        this.#tokens.push(name === 'true' || name === 'false' || name === 'null' ? { at, type: 'value', value } : { at, type: 'name', text: name });
        at += name.length;
        continue;
      }
      const number = match(numberPattern);
      if (number && !(number.startsWith('.') && this.#follows())) {
        this.#tokens.push({ at, type: 'value', value: this.#number(number, at) });
        at += number.length;
        continue;
      }
      const symbol = symbols.find((one) => text.startsWith(one, at));
      if (!symbol) throw syntaxError(text, at, `Syntax error: token recognition error at: '${text[at]}'`);
      this.#tokens.push({ at, type: 'symbol', text: symbol });
      at += symbol.length;
    }
    this.#tokens.push({ at: text.length, type: 'end' });
  }

  /** Whether what was read last could be selected from: then a dot is no beginning of a number. */
  #follows(): boolean {
    const last = this.#tokens.at(-1);
    return last?.type === 'name' || last?.type === 'value' || (last?.type === 'symbol' && (last.text === ')' || last.text === ']' || last.text === '}'));
  }

  #number(text: string, at: number): unknown {
    if (/[uU]$/.test(text)) return uint(BigInt(text.slice(0, -1)));
    if (/^0[xX]/.test(text) || /^\d+$/.test(text)) {
      const value = BigInt(text);
      if (value > 9223372036854775808n) throw syntaxError(this.#text, at, 'invalid int literal');
      return value;
    }
    return Number(text);
  }

  #string(start: number, opening: string): number {
    const quote = /'''|"""|'|"/.exec(opening)![0];
    const prefix = opening.slice(0, -quote.length).toLowerCase();
    const isRaw = prefix.includes('r');
    let at = start + opening.length;
    let content = '';
    while (!this.#text.startsWith(quote, at)) {
      if (at >= this.#text.length || (quote.length === 1 && this.#text[at] === '\n')) throw syntaxError(this.#text, start, 'Syntax error: unterminated string');
      if (this.#text[at] === '\\' && !isRaw) {
        const [character, length] = this.#escape(at);
        content += character;
        at += length;
      } else {
        if (this.#text[at] === '\\') content += this.#text[at++];
        content += this.#text[at++] ?? '';
      }
    }
    this.#tokens.push({ at: start, type: 'value', value: prefix.includes('b') ? new Uint8Array(Buffer.from(content)) : content });
    return at + quote.length;
  }

  #escape(at: number): [string, number] {
    const simple: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '?': '?', '"': '"', "'": "'", '`': '`' };
    const next = this.#text[at + 1] ?? '';
    if (Object.hasOwn(simple, next)) return [simple[next]!, 2];
    const code = /^\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/.exec(this.#text.slice(at, at + 10));
    if (!code) throw syntaxError(this.#text, at, `Syntax error: token recognition error at: '\\${next}'`);
    return [String.fromCodePoint(code[4] ? Number.parseInt(code[4], 8) : Number.parseInt((code[1] ?? code[2] ?? code[3])!, 16)), code[0].length];
  }

  #peek(): Token {
    return this.#tokens[this.#next]!;
  }

  #is(symbol: string): boolean {
    const token = this.#peek();
    return token.type === 'symbol' && token.text === symbol;
  }

  #take(symbol: string): boolean {
    if (!this.#is(symbol)) return false;
    this.#next++;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#take(symbol)) this.#unexpected(this.#peek(), symbol);
  }

  #unexpected(token: Token, expected?: string): never {
    const shown = token.type === 'end' ? '<EOF>' : token.type === 'value' ? String(token.value) : token.text;
    throw syntaxError(this.#text, token.at, `Syntax error: mismatched input '${shown}' expecting ${expected === beginnings ? beginnings : expected === 'IDENTIFIER' ? expected : expected ? `'${expected}'` : '<EOF>'}`);
  }

  #expression(): Node {
    if (++this.#depth > deepest) throw syntaxError(this.#text, this.#peek().at, `expression recursion limit exceeded: ${deepest}`);
    const condition = this.#or();
    let node = condition;
    const { at } = this.#peek();
    if (this.#take('?')) {
      const whenTrue = this.#or();
      this.#expect(':');
      node = { at, op: 'if', condition, whenTrue, otherwise: this.#expression() };
    }
    this.#depth--;
    return node;
  }

  #or(): Node {
    let node = this.#and();
    for (let { at } = this.#peek(); this.#take('||'); { at } = this.#peek()) node = { at, op: 'or', left: node, right: this.#and() };
    return node;
  }

  #and(): Node {
    let node = this.#relation();
    for (let { at } = this.#peek(); this.#take('&&'); { at } = this.#peek()) node = { at, op: 'and', left: node, right: this.#relation() };
    return node;
  }

  #relation(): Node {
    let node = this.#sum();
    for (;;) {
      const token = this.#peek();
      const text = token.type === 'symbol' || token.type === 'name' ? token.text : '';
      if (!['==', '!=', '<', '<=', '>', '>=', 'in'].includes(text)) return node;
      this.#next++;
      node = { at: token.at, op: 'binary', operator: text as BinaryOperator, left: node, right: this.#sum() };
    }
  }

  #sum(): Node {
    return this.#chain(['+', '-'], () => this.#product());
  }

  #product(): Node {
    return this.#chain(['*', '/', '%'], () => this.#unary());
  }

  #chain(operators: readonly string[], next: () => Node): Node {
    let node = next();
    for (;;) {
      const token = this.#peek();
      if (token.type !== 'symbol' || !operators.includes(token.text)) return node;
      this.#next++;
      node = { at: token.at, op: 'binary', operator: token.text as BinaryOperator, left: node, right: next() };
    }
  }

  #unary(): Node {
    const { at } = this.#peek();
    if (this.#is('!') || this.#is('-')) {
      if (++this.#depth > deepest) throw syntaxError(this.#text, at, `expression recursion limit exceeded: ${deepest}`);
      const isNot = this.#take('!');
      if (!isNot) this.#next++;
      const of = this.#unary();
      this.#depth--;
      if (!isNot && of.op === 'value' && (typeof of.value === 'bigint' || typeof of.value === 'number')) return { at, op: 'value', value: -of.value };
      return { at, op: isNot ? 'not' : 'negate', of };
    }
    return this.#member();
  }

  #member(): Node {
    let node = this.#primary();
    for (;;) {
      const { at } = this.#peek();
      if (this.#take('.')) {
        const isOptional = this.#take('?');
        const token = this.#peek();
        if (token.type !== 'name') this.#unexpected(token, 'IDENTIFIER');
        this.#next++;
        const open = this.#peek().at;
        if (!isOptional && this.#take('(')) node = this.#call(open, token.text, node);
        else node = { at, op: 'select', of: node, field: token.text, isOptional };
      } else if (this.#take('[')) {
        const isOptional = this.#take('?');
        const index = this.#expression();
        this.#expect(']');
        node = { at, op: 'index', of: node, index, isOptional };
      } else if (this.#is('{') && typeNameOf(node)) {
        node = this.#object(at, typeNameOf(node)!);
      } else return node;
    }
  }

  #primary(): Node {
    const token = this.#peek();
    const { at } = token;
    this.#next++;
    switch (token.type) {
      case 'value':
        if (token.value === 9223372036854775808n) {
          const before = this.#tokens[this.#next - 2];
          if (before?.type !== 'symbol' || before.text !== '-') throw syntaxError(this.#text, at, 'invalid int literal');
        }
        return { at, op: 'value', value: token.value };
      case 'name':
        if (reserved.has(token.text)) throw syntaxError(this.#text, at, `reserved identifier: ${token.text}`);
        return this.#is('(') ? this.#call(this.#tokens[this.#next++]!.at, token.text, undefined) : { at, op: 'name', name: token.text };
      case 'symbol':
        if (token.text === '(') {
          const node = this.#expression();
          this.#expect(')');
          return node;
        }
        if (token.text === '[') return { at, op: 'list', items: this.#items(']', () => ({ isOptional: this.#take('?'), value: this.#expression() })) };
        if (token.text === '{') {
          const entries = this.#items('}', () => {
            const isOptional = this.#take('?');
            const key = this.#expression();
            this.#expect(':');
            return { isOptional, key, value: this.#expression() };
          });
          return { at, op: 'map', entries };
        }
        if (token.text === '.') return this.#primary(); // from the root of all names, which is the only one
    }
    return this.#unexpected(token, beginnings);
  }

  #object(at: number, type: string): Node {
    this.#expect('{');
    const entries = this.#items('}', () => {
      const isOptional = this.#take('?');
      const token = this.#peek();
      if (token.type !== 'name') this.#unexpected(token, 'IDENTIFIER');
      this.#next++;
      this.#expect(':');
      return { isOptional, field: token.text, value: this.#expression() };
    });
    return { at, op: 'object', type, entries };
  }

  #items<T>(close: string, read: () => T): T[] {
    const items: T[] = [];
    while (!this.#take(close)) {
      items.push(read());
      if (!this.#take(',')) {
        this.#expect(close);
        break;
      }
    }
    return items;
  }

  #call(at: number, name: string, receiver: Node | undefined): Node {
    const args = this.#items(')', () => this.#expression());
    return this.#macro(at, name, receiver, args) ?? { at, op: 'call', name, receiver, args };
  }

  #macro(at: number, name: string, receiver: Node | undefined, args: readonly Node[]): Node | undefined {
    const [first, second, third, fourth] = args;
    const variable = (node: Node | undefined): string => {
      if (node?.op === 'name') return node.name;
      throw syntaxError(this.#text, node?.at ?? at, 'argument must be a simple name');
    };
    if (!receiver) {
      if (name !== 'has' || args.length !== 1) return undefined;
      if (first!.op !== 'select') throw syntaxError(this.#text, first!.at, 'invalid argument to has() macro');
      return { at, op: 'has', of: first!.of, field: first!.field, isOptional: first!.isOptional };
    }
    if (receiver.op === 'name' && receiver.name === 'cel' && name === 'bind' && args.length === 3) return { at, op: 'bind', kind: 'bind', variable: variable(first), of: second!, body: third! };
    if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2) return { at, op: 'bind', kind: name, variable: variable(first), of: receiver, body: second! };
    const macro = (kind: Macro, variables: readonly string[], body: Node, more: { filter?: Node; key?: Node } = {}): Node => ({ at, op: 'macro', macro: kind, of: receiver, variables, filter: more.filter, body, key: more.key });
    switch (name) {
      case 'all': case 'exists': case 'exists_one': case 'existsOne': {
        const kind = name === 'exists_one' ? 'existsOne' : name;
        if (args.length === 2) return macro(kind, [variable(first)], second!);
        return args.length === 3 ? macro(kind, [variable(first), variable(second)], third!) : undefined;
      }
      case 'filter':
        return args.length === 2 ? macro('filter', [variable(first)], second!) : undefined;
      case 'map':
        if (args.length === 2) return macro('map', [variable(first)], second!);
        return args.length === 3 ? macro('map', [variable(first)], third!, { filter: second! }) : undefined;
      case 'transformList': case 'transformMap': case 'transformMapEntry':
        if (args.length === 3) return macro(name, [variable(first), variable(second)], third!);
        return args.length === 4 ? macro(name, [variable(first), variable(second)], fourth!, { filter: third! }) : undefined;
      case 'sortBy':
        return args.length === 2 ? macro('sortBy', [variable(first)], second!) : undefined;
      default:
        return undefined;
    }
  }
}

/** `Object.spec.template` before a brace is the name of a type. */
function typeNameOf(node: Node): string | undefined {
  if (node.op === 'name') return /^[A-Z]/.test(node.name) ? node.name : undefined;
  if (node.op !== 'select' || node.isOptional) return undefined;
  const of = typeNameOf(node.of);
  return of && `${of}.${node.field}`;
}

function syntaxError(text: string, at: number, why: string): ExpressionError {
  return new ExpressionError(text, [{ at, why }]);
}
