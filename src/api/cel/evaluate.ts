// What an expression comes to. Every step spends from a budget, so that no expression takes long, whatever it says; errors are
// values until something needs what is wrong: `true || wrong` is true.
import type { BinaryOperator, Node } from './ast.ts';
import { functionNamed, overloadFor, type Budget } from './functions.ts';
import { associationOf, compare, Duration, equal, EvaluationError, Fields, markAssociative, none, numberOf, Optional, Timestamp, TypeName, Uint, uint } from './values.ts';

/** Gives the value of a name that no macro has bound; undefined where there is none. */
export type Lookup = (name: string) => unknown;

/** Throws EvaluationError. */
export function evaluate(node: Node, lookup: Lookup, budget: Budget): unknown {
  return new Evaluation(lookup, budget).run(node);
}

const standardTypes: ReadonlySet<string> = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type']);

class Evaluation {
  readonly #lookup: Lookup;
  readonly #budget: Budget;
  /** What macros have bound, the innermost last. */
  readonly #bound: [name: string, value: unknown][] = [];

  constructor(lookup: Lookup, budget: Budget) {
    this.#lookup = lookup;
    this.#budget = budget;
  }

  run(node: Node): unknown {
    this.#budget.spend(1);
    switch (node.op) {
      case 'value': return node.value;
      case 'name': return this.#name(node.name);
      case 'select': return this.#select(this.run(node.of), node.field, node.isOptional);
      case 'has': return this.#has(this.run(node.of), node.field);
      case 'index': return this.#index(this.run(node.of), this.run(node.index), node.isOptional);
      case 'not': return !truth(this.run(node.of));
      case 'negate': return negated(this.run(node.of));
      case 'and': return this.#junction(node.left, node.right, false);
      case 'or': return this.#junction(node.left, node.right, true);
      case 'if': return this.run(truth(this.run(node.condition)) ? node.whenTrue : node.otherwise);
      case 'binary': return binary(node.operator, this.run(node.left), this.run(node.right), this.#budget);
      case 'list': return node.items.flatMap(({ isOptional, value }) => this.#maybe(isOptional, value));
      case 'map': {
        const map = new Map<unknown, unknown>();
        for (const { isOptional, key, value } of node.entries) for (const one of this.#maybe(isOptional, value)) map.set(keyOf(this.run(key)), one);
        return map;
      }
      case 'object': return new Map(node.entries.flatMap(({ isOptional, field, value }) => this.#maybe(isOptional, value).map((one) => [field, one] as const)));
      case 'call': return this.#call(node);
      case 'macro': return this.#macro(node);
      case 'bind': return this.#bind(node);
    }
  }

  #maybe(isOptional: boolean, node: Node): readonly unknown[] {
    const value = this.run(node);
    if (!isOptional) return [value];
    return value instanceof Optional && value.hasValue ? [value.value] : [];
  }

  #name(name: string): unknown {
    for (let i = this.#bound.length - 1; i >= 0; i--) if (this.#bound[i]![0] === name) return this.#bound[i]![1];
    const value = this.#lookup(name);
    if (value !== undefined) return value;
    if (standardTypes.has(name)) return new TypeName(name);
    throw new EvaluationError(`no such attribute(s): ${name}`);
  }

  #select(of: unknown, field: string, isOptional: boolean): unknown {
    if (of instanceof Optional) return of.hasValue ? this.#select(of.value, field, true) : none;
    const found = fieldOf(of, field);
    if (isOptional) return found === undefined ? none : new Optional(true, found);
    if (found === undefined) throw new EvaluationError(of instanceof Map || of instanceof Fields ? `no such key: ${field}` : 'no such overload');
    return found;
  }

  #has(of: unknown, field: string): boolean {
    if (of instanceof Optional) return of.hasValue && this.#has(of.value, field);
    if (of instanceof Map || of instanceof Fields) return fieldOf(of, field) !== undefined;
    throw new EvaluationError('no such overload');
  }

  #index(of: unknown, index: unknown, isOptional: boolean): unknown {
    if (of instanceof Optional) return of.hasValue ? this.#index(of.value, index, true) : none;
    const found = itemAt(of, index);
    if (isOptional) return found === undefined ? none : new Optional(true, found);
    if (found !== undefined) return found;
    throw new EvaluationError(Array.isArray(of) ? `index out of bounds: ${String(numberOf(index))}` : of instanceof Map || of instanceof Fields ? `no such key: ${String(index)}` : 'no such overload');
  }

  /** `decisive` decides, whatever the other side comes to. */
  #junction(left: Node, right: Node, decisive: boolean): boolean {
    let failure: EvaluationError | undefined;
    for (const side of [left, right]) {
      try {
        if (truth(this.run(side)) === decisive) return decisive;
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        failure ??= error;
      }
    }
    if (failure) throw failure;
    return !decisive;
  }

  #call({ name, receiver, args }: Extract<Node, { op: 'call' }>): unknown {
    const overloads = functionNamed(qualified(name, receiver) ?? name);
    const isQualified = qualified(name, receiver) !== undefined;
    const values = [...(receiver && !isQualified ? [this.run(receiver)] : []), ...args.map((arg) => this.run(arg))];
    const overload = overloads && overloadFor(overloads, receiver !== undefined && !isQualified, values);
    if (overload) return overload.call(values, this.#budget);
    const own = values[0];
    if (receiver && !isQualified && hasMethods(own)) return own.call(name, values.slice(1));
    throw new EvaluationError('no such overload');
  }

  #bind({ kind, variable, of, body }: Extract<Node, { op: 'bind' }>): unknown {
    const value = this.run(of);
    if (kind === 'bind') return this.#with(variable, value, body);
    if (!(value instanceof Optional)) throw new EvaluationError('no such overload');
    if (!value.hasValue) return none;
    const result = this.#with(variable, value.value, body);
    return kind === 'optMap' ? new Optional(true, result) : result;
  }

  #with(name: string, value: unknown, body: Node): unknown {
    this.#bound.push([name, value]);
    try {
      return this.run(body);
    } finally {
      this.#bound.pop();
    }
  }

  #macro(node: Extract<Node, { op: 'macro' }>): unknown {
    const entries = entriesOf(this.run(node.of), node.variables.length);
    const each = (body: Node, entry: readonly unknown[]): unknown => {
      node.variables.forEach((name, i) => this.#bound.push([name, entry[i]]));
      try {
        return this.run(body);
      } finally {
        this.#bound.length -= node.variables.length;
      }
    };
    const kept = node.filter ? entries.filter((entry) => truth(each(node.filter!, entry))) : entries;
    switch (node.macro) {
      case 'all': return this.#quantifier(entries, (entry) => truth(each(node.body, entry)), false);
      case 'exists': return this.#quantifier(entries, (entry) => truth(each(node.body, entry)), true);
      case 'existsOne': return entries.filter((entry) => truth(each(node.body, entry))).length === 1;
      case 'filter': return entries.filter((entry) => truth(each(node.body, entry))).map(([item]) => item);
      case 'map': case 'transformList': return kept.map((entry) => each(node.body, entry));
      case 'transformMap': return new Map(kept.map((entry) => [entry[0], each(node.body, entry)]));
      case 'transformMapEntry': return joinedMaps(kept.map((entry) => each(node.body, entry)));
      case 'sortBy': return entries.map((entry) => [entry[0], each(node.body, entry)] as const).sort((a, b) => compare(a[1], b[1]) ?? 0).map(([item]) => item);
    }
  }

  #quantifier(entries: readonly (readonly unknown[])[], test: (entry: readonly unknown[]) => boolean, decisive: boolean): boolean {
    let failure: EvaluationError | undefined;
    for (const entry of entries) {
      try {
        if (test(entry) === decisive) return decisive;
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        failure ??= error;
      }
    }
    if (failure) throw failure;
    return !decisive;
  }
}

/** A value with methods of its own, such as the authorizer. */
export interface Methods {
  call(name: string, args: readonly unknown[]): unknown;
  field?(name: string): unknown;
}

function hasMethods(value: unknown): value is Methods {
  return typeof value === 'object' && value !== null && 'call' in value && typeof value.call === 'function';
}

/** `ip.isCanonical(…)`: a function in a namespace, not a method of something named `ip`. */
export function qualified(name: string, receiver: Node | undefined): string | undefined {
  if (receiver?.op !== 'name') return undefined;
  const full = `${receiver.name}.${name}`;
  return functionNamed(full) ? full : undefined;
}

function truth(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new EvaluationError('no such overload');
}

function fieldOf(of: unknown, field: string): unknown {
  if (of instanceof Fields) return of.fields.get(field);
  if (of instanceof Map) return of.get(field);
  return hasMethods(of) ? of.field?.(field) : undefined;
}

function itemAt(of: unknown, index: unknown): unknown {
  if (Array.isArray(of)) {
    const at = numberOf(index);
    return at === undefined || !Number.isInteger(Number(at)) || Number(at) < 0 ? undefined : of[Number(at)];
  }
  return of instanceof Map ? of.get(keyOf(index)) : fieldOf(of, String(index));
}

/** 1, 1u and 1.0 are one key. */
function keyOf(key: unknown): unknown {
  if (key instanceof Uint) return key.value;
  return typeof key === 'number' && Number.isInteger(key) ? BigInt(key) : key;
}

function entriesOf(of: unknown, variables: number): readonly (readonly unknown[])[] {
  if (Array.isArray(of)) return variables === 2 ? of.map((item, i) => [BigInt(i), item]) : of.map((item) => [item]);
  const map = of instanceof Fields ? of.fields : of;
  if (map instanceof Map) return variables === 2 ? [...(map as Map<unknown, unknown>)] : [...map.keys()].map((key) => [key]);
  throw new EvaluationError('no such overload');
}

/** No key may come twice. */
function joinedMaps(maps: readonly unknown[]): ReadonlyMap<unknown, unknown> {
  const joined = new Map<unknown, unknown>();
  for (const map of maps) {
    if (!(map instanceof Map)) throw new EvaluationError('no such overload');
    for (const [key, value] of map as Map<unknown, unknown>) {
      if (joined.has(key)) throw new EvaluationError(`insert failed: key ${String(key)} already exists`);
      joined.set(key, value);
    }
  }
  return joined;
}

function negated(value: unknown): unknown {
  if (typeof value === 'bigint') return checked(-value);
  if (typeof value === 'number') return -value;
  if (value instanceof Duration) return new Duration(-value.ns);
  throw new EvaluationError('no such overload');
}

function checked(value: bigint): bigint {
  if (value > 9223372036854775807n || value < -9223372036854775808n) throw new EvaluationError('integer overflow');
  return value;
}

function binary(operator: BinaryOperator, a: unknown, b: unknown, budget: Budget): unknown {
  switch (operator) {
    case '==': case '!=':
      budget.spend(Math.min(sizeOf(a), sizeOf(b)) * 0.1);
      return equal(a, b) === (operator === '==');
    case '<': case '<=': case '>': case '>=': {
      budget.spend(Math.min(sizeOf(a), sizeOf(b)) * 0.1);
      const order = compare(a, b);
      if (order === undefined) throw new EvaluationError('no such overload');
      return operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order >= 0;
    }
    case 'in':
      budget.spend(sizeOf(b));
      if (Array.isArray(b)) return b.some((item) => equal(item, a));
      if (b instanceof Map) return b.has(keyOf(a));
      if (b instanceof Fields) return b.fields.has(String(a));
      throw new EvaluationError('no such overload');
    case '+': return sum(a, b, budget);
    case '-': return difference(a, b);
    default: return product(operator, a, b);
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  return value instanceof Map ? value.size : 1;
}

function sum(a: unknown, b: unknown, budget: Budget): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') return checked(a + b);
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a instanceof Uint && b instanceof Uint) return uint(a.value + b.value);
  if (typeof a === 'string' && typeof b === 'string') {
    budget.spend((a.length + b.length) * 0.1);
    return a + b;
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) return new Uint8Array([...a, ...b]);
  if (Array.isArray(a) && Array.isArray(b)) {
    budget.spend((a.length + b.length) * 0.1);
    return joinedLists(a, b, budget);
  }
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.ns + b.ns);
  if (a instanceof Timestamp && b instanceof Duration) return new Timestamp(a.ms + Number(b.ns / 1_000_000n));
  if (a instanceof Duration && b instanceof Timestamp) return new Timestamp(b.ms + Number(a.ns / 1_000_000n));
  throw new EvaluationError('no such overload');
}

/** A set keeps each value once; in a list with keys, what is added takes the place of what has its key. */
function joinedLists(a: readonly unknown[], b: readonly unknown[], budget: Budget): readonly unknown[] {
  const association = associationOf(a);
  if (!association) return [...a, ...b];
  budget.spend(a.length * b.length);
  const { keys } = association;
  const isSame = (x: unknown, y: unknown) => (keys ? keys.every((key) => equal(fieldOf(x, key), fieldOf(y, key))) : equal(x, y));
  const joined = [...a.map((item) => (keys ? (b.find((other) => isSame(item, other)) ?? item) : item)), ...b.filter((item) => !a.some((other) => isSame(item, other)))];
  markAssociative(joined, keys);
  return joined;
}

function difference(a: unknown, b: unknown): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') return checked(a - b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a instanceof Uint && b instanceof Uint) return uint(a.value - b.value);
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.ns - b.ns);
  if (a instanceof Timestamp && b instanceof Timestamp) return new Duration(BigInt(Math.round((a.ms - b.ms) * 1_000_000)));
  if (a instanceof Timestamp && b instanceof Duration) return new Timestamp(a.ms - Number(b.ns / 1_000_000n));
  throw new EvaluationError('no such overload');
}

function product(operator: '*' | '/' | '%', a: unknown, b: unknown): unknown {
  if (typeof a === 'number' && typeof b === 'number' && operator !== '%') return operator === '*' ? a * b : a / b;
  const areUnsigned = a instanceof Uint && b instanceof Uint;
  const [x, y] = areUnsigned ? [a.value, b.value] : [a, b];
  if (typeof x !== 'bigint' || typeof y !== 'bigint') throw new EvaluationError('no such overload');
  if (y === 0n && operator !== '*') throw new EvaluationError(operator === '/' ? 'division by zero' : 'modulus by zero');
  const value = operator === '*' ? x * y : operator === '/' ? x / y : x % y;
  return areUnsigned ? uint(value) : checked(value);
}

