// What type an expression has, and whether it can have one: names that nobody declared, fields that no schema has, arguments that
// no function takes. Words are cel-go's.
import { compilePattern } from '../custom/regular-expression.ts';
import { ExpressionError, type Node, type Problem } from './ast.ts';
import { qualified } from './evaluate.ts';
import { functionNamed } from './functions.ts';
import { parseDuration, parseTimestamp } from './functions/standard.ts';
import { dyn, fits, heldBy, isObjectType, joined, listOf, mapOf, optionalOf, showType, simple, withLetters, type Type } from './types.ts';
import { kindOf } from './values.ts';

/** What type each part of an expression has. */
export type Types = ReadonlyMap<Node, Type>;

/** `types`: is filled, for those who need more than the type of the whole. Throws ExpressionError. */
export function check(text: string, node: Node, variables: ReadonlyMap<string, Type>, types?: Map<Node, Type>): Type {
  const checking = new Checking(variables, types);
  const type = checking.typeOf(node);
  if (checking.problems.length > 0) throw new ExpressionError(text, checking.problems.slice(0, mostProblems));
  return type;
}

const mostProblems = 100;

const bool = simple('bool');
const ordered: ReadonlySet<string> = new Set(['int', 'uint', 'double', 'string', 'bool', 'bytes', 'timestamp', 'duration', 'dyn']);
const numeric: ReadonlySet<string> = new Set(['int', 'uint', 'double']);
const typeNames: ReadonlySet<string> = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type']);

/** What an authorizer's decision tells. */
const decisions: ReadonlyMap<string, Type> = new Map([['allowed', bool], ['errored', bool], ['reason', simple('string')], ['error', simple('string')]]);

const literals: ReadonlyMap<string, (text: string) => unknown> = new Map<string, (text: string) => unknown>([
  ['duration', parseDuration],
  ['timestamp', parseTimestamp],
  ['matches', compilePattern],
]);

class Checking {
  /** What is wrong is of type dyn from there on, so that it is told once. */
  readonly problems: Problem[] = [];
  readonly #variables: ReadonlyMap<string, Type>;
  readonly #types: Map<Node, Type> | undefined;
  readonly #bound: [string, Type][] = [];

  constructor(variables: ReadonlyMap<string, Type>, types: Map<Node, Type> | undefined) {
    this.#variables = variables;
    this.#types = types;
  }

  typeOf(node: Node): Type {
    const type = this.#typeOf(node);
    this.#types?.set(node, type);
    return type;
  }

  #typeOf(node: Node): Type {
    switch (node.op) {
      case 'value': return simple(kindOf(node.value));
      case 'name': return this.#name(node);
      case 'select': {
        const of = this.typeOf(node.of);
        const field = this.#field(node, of, node.field);
        return node.isOptional || of.kind === 'optional' ? optionalOf(field) : field;
      }
      case 'has':
        this.#field(node, this.typeOf(node.of), node.field);
        return bool;
      case 'index': return this.#index(node);
      case 'not': return this.#expect(node.of, bool, '!_', node);
      case 'negate': {
        const of = this.typeOf(node.of);
        return ['int', 'double', 'duration', 'dyn'].includes(of.kind) ? of : this.#noOverload(node, '-_', [of]);
      }
      case 'and': case 'or': {
        const sides = [this.typeOf(node.left), this.typeOf(node.right)];
        if (sides.some(({ kind }) => kind !== 'bool' && kind !== 'dyn')) this.#noOverload(node, node.op === 'and' ? '_&&_' : '_||_', sides);
        return bool;
      }
      case 'if': {
        const condition = this.typeOf(node.condition);
        const [then, otherwise] = [this.typeOf(node.whenTrue), this.typeOf(node.otherwise)];
        const isSame = fits(then, otherwise, new Map()) || fits(otherwise, then, new Map());
        if ((condition.kind !== 'bool' && condition.kind !== 'dyn') || !isSame) return this.#noOverload(node, '_?_:_', [condition, then, otherwise]);
        return joined(then, otherwise);
      }
      case 'binary': return this.#binary(node);
      case 'list': return listOf(this.#common(node.items));
      case 'map': return mapOf(this.#common(node.entries.map(({ key }) => ({ isOptional: false, value: key }))), this.#common(node.entries));
      case 'object':
        for (const { value } of node.entries) this.typeOf(value);
        return dyn;
      case 'call': return this.#call(node);
      case 'macro': return this.#macro(node);
      case 'bind': return this.#bind(node);
    }
  }

  /** The one type of all: lists and maps that are written out are of one kind. */
  #common(values: readonly { readonly isOptional: boolean; readonly value: Node }[]): Type {
    let common: Type | undefined;
    for (const { value, isOptional } of values) {
      const type = isOptional ? heldBy(this.typeOf(value)) : this.typeOf(value);
      if (common && !fits(type, common, new Map())) return this.#fail(value, `expected type '${showType(common)}' but found '${showType(type)}'`);
      common = common ? joined(common, type) : type;
    }
    return common ?? dyn;
  }

  #fail(node: Node, why: string): Type {
    this.problems.push({ at: node.at, why });
    return dyn;
  }

  #noOverload(node: Node, name: string, args: readonly Type[], hasReceiver = false): Type {
    const shown = args.map(showType);
    return this.#fail(node, `found no matching overload for '${name}' applied to '${hasReceiver ? `${shown[0]}.` : ''}(${(hasReceiver ? shown.slice(1) : shown).join(', ')})'`);
  }

  #name(node: Extract<Node, { op: 'name' }>): Type {
    for (let i = this.#bound.length - 1; i >= 0; i--) if (this.#bound[i]![0] === node.name) return this.#bound[i]![1];
    const found = this.#variables.get(node.name);
    if (found) return found;
    if (typeNames.has(node.name)) return simple('type');
    return this.#fail(node, `undeclared reference to '${node.name}' (in container '')`);
  }

  #field(node: Node, of: Type, field: string): Type {
    const inner = of.kind === 'optional' ? heldBy(of) : of;
    if (inner.kind === 'dyn') return dyn;
    if (inner.kind === 'map') return heldBy(inner);
    if (inner.kind === 'authorizer' && field === 'requestResource') return inner;
    if (!isObjectType(inner)) return this.#fail(node, `type '${showType(inner)}' does not support field selection`);
    return inner.fields.get(field) ?? this.#fail(node, `undefined field '${field}'`);
  }

  #index(node: Extract<Node, { op: 'index' }>): Type {
    const of = this.typeOf(node.of);
    const index = this.typeOf(node.index);
    const inner = of.kind === 'optional' ? heldBy(of) : of;
    const isRight = inner.kind === 'dyn' || (inner.kind === 'list' && (index.kind === 'int' || index.kind === 'dyn')) || (inner.kind === 'map' && fits(index, (inner as { key: Type }).key, new Map()));
    if (!isRight) return this.#noOverload(node, '_[_]', [of, index]);
    const held = heldBy(inner);
    return node.isOptional || of.kind === 'optional' ? optionalOf(held) : held;
  }

  #expect(inner: Node, wanted: Type, name: string, node: Node): Type {
    const type = this.typeOf(inner);
    return fits(type, wanted, new Map()) ? wanted : this.#noOverload(node, name, [type]);
  }

  #binary(node: Extract<Node, { op: 'binary' }>): Type {
    const { operator } = node;
    const [left, right] = [this.typeOf(node.left), this.typeOf(node.right)];
    const refuse = () => this.#noOverload(node, operator === 'in' ? '@in' : `_${operator}_`, [left, right]);
    const either = left.kind === 'dyn' || right.kind === 'dyn';
    switch (operator) {
      case '==': case '!=':
        return either || fits(left, right, new Map()) ? bool : refuse();
      case '<': case '<=': case '>': case '>=':
        if (!ordered.has(left.kind) || !ordered.has(right.kind) || (!either && left.kind !== right.kind && !(numeric.has(left.kind) && numeric.has(right.kind)))) return refuse();
        return bool;
      case 'in':
        if (right.kind === 'dyn') return bool;
        if (right.kind === 'list' ? fits(left, heldBy(right), new Map()) : right.kind === 'map' && fits(left, (right as { key: Type }).key, new Map())) return bool;
        return refuse();
      case '+':
        if (either) return this.#withOne(left.kind === 'dyn' ? right : left, ['int', 'uint', 'double', 'string', 'bytes', 'list', 'timestamp'], ['duration']) ?? refuse();
        if (left.kind === 'list' && right.kind === 'list' && fits(left, right, new Map())) return joined(left, right);
        if (left.kind === right.kind && (numeric.has(left.kind) || ['string', 'bytes', 'duration'].includes(left.kind))) return left;
        if ((left.kind === 'timestamp' && right.kind === 'duration') || (left.kind === 'duration' && right.kind === 'timestamp')) return simple('timestamp');
        return refuse();
      case '-':
        if (either && right.kind === 'timestamp') return simple('duration');
        if (either) return this.#withOne(left.kind === 'dyn' ? right : left, ['int', 'uint', 'double'], ['duration', 'timestamp']) ?? refuse();
        if (left.kind === right.kind && (numeric.has(left.kind) || left.kind === 'duration')) return left;
        if (left.kind === 'timestamp' && right.kind === 'timestamp') return simple('duration');
        if (left.kind === 'timestamp' && right.kind === 'duration') return left;
        return refuse();
      default:
        if (either) return this.#withOne(left.kind === 'dyn' ? right : left, operator === '%' ? ['int', 'uint'] : ['int', 'uint', 'double'], []) ?? refuse();
        if (left.kind === right.kind && numeric.has(left.kind) && (operator !== '%' || left.kind !== 'double')) return left;
        return refuse();
    }
  }

  /** Of an operation of which one side is not known: what the other leaves of it. Undefined: nothing. */
  #withOne(known: Type, same: readonly string[], several: readonly string[]): Type | undefined {
    return known.kind === 'dyn' || several.includes(known.kind) ? dyn : same.includes(known.kind) ? known : undefined;
  }

  #call(node: Extract<Node, { op: 'call' }>): Type {
    const full = qualified(node.name, node.receiver);
    const overloads = functionNamed(full ?? node.name);
    const hasReceiver = node.receiver !== undefined && full === undefined;
    const args = [...(hasReceiver ? [this.typeOf(node.receiver!)] : []), ...node.args.map((arg) => this.typeOf(arg))];
    if (hasReceiver && (args[0]!.kind === 'authorizer' || args[0]!.kind === 'dyn') && !overloads) return (args[0]!.kind === 'authorizer' && decisions.get(node.name)) || args[0]!;
    if (!overloads) return this.#fail(node, `undeclared reference to '${node.name}' (in container '')`);
    const results: Type[] = [];
    for (const overload of overloads) {
      if (overload.hasReceiver !== hasReceiver || overload.parameters.length !== args.length) continue;
      const letters = new Map<string, Type>();
      if (overload.parameters.every((parameter, i) => fits(args[i]!, parameter, letters))) results.push(withLetters(overload.result, letters));
    }
    if (results.length === 0) return this.#noOverload(node, full ?? node.name, args, hasReceiver);
    this.#checkLiteral(node);
    return results.reduce(joined);
  }

  /** What is written out and can never be read is told at once. */
  #checkLiteral({ name, receiver, args }: Extract<Node, { op: 'call' }>): void {
    const literal = args.at(-1);
    const read = literals.get(name);
    if (!read || literal?.op !== 'value' || typeof literal.value !== 'string' || (receiver !== undefined) !== (name === 'matches' && args.length === 1)) return;
    try {
      read(literal.value);
    } catch {
      this.#fail(literal, `invalid ${name} argument`);
    }
  }

  #macro(node: Extract<Node, { op: 'macro' }>): Type {
    const of = this.typeOf(node.of);
    if (!['list', 'map', 'dyn'].includes(of.kind)) return this.#fail(node.of, `expression of type '${showType(of)}' cannot be range of a comprehension (must be list, map, or dynamic)`);
    const key = of.kind === 'map' ? (of as { key: Type }).key : of.kind === 'list' ? simple('int') : dyn;
    const variables = node.variables.length === 2 ? [key, heldBy(of)] : [of.kind === 'map' ? key : heldBy(of)];
    node.variables.forEach((name, i) => this.#bound.push([name, variables[i]!]));
    try {
      const isTest = ['all', 'exists', 'existsOne', 'filter'].includes(node.macro);
      for (const test of [node.filter, isTest ? node.body : undefined]) {
        const type = test && this.typeOf(test);
        if (type && type.kind !== 'bool' && type.kind !== 'dyn') this.#noOverload(test, '_?_:_', [type, dyn, dyn]);
      }
      switch (node.macro) {
        case 'filter': return listOf(variables[0]!);
        case 'map': case 'transformList': return listOf(this.typeOf(node.body));
        case 'transformMap': return mapOf(key, this.typeOf(node.body));
        case 'transformMapEntry': {
          const entry = this.typeOf(node.body);
          return entry.kind === 'map' || entry.kind === 'dyn' ? entry : this.#noOverload(node.body, 'cel.@mapInsert', [mapOf(dyn, dyn), entry]);
        }
        case 'sortBy': this.typeOf(node.body); return of;
        default: return bool;
      }
    } finally {
      this.#bound.length -= node.variables.length;
    }
  }

  #bind(node: Extract<Node, { op: 'bind' }>): Type {
    const of = this.typeOf(node.of);
    this.#bound.push([node.variable, node.kind === 'bind' ? of : heldBy(of)]);
    try {
      const body = this.typeOf(node.body);
      return node.kind === 'optMap' ? optionalOf(body) : body;
    } finally {
      this.#bound.pop();
    }
  }
}
