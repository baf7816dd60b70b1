// What type an expression has, and whether it can have one: names that nobody declared, fields that no schema has, arguments that
// no function takes. Words are cel-go's.
import { ExpressionError, type Node } from './ast.ts';
import { qualified } from './evaluate.ts';
import { functionNamed } from './functions.ts';
import { dyn, fits, heldBy, isObjectType, joined, listOf, mapOf, optionalOf, showType, simple, withLetters, type Type } from './types.ts';
import { kindOf } from './values.ts';

/** Throws ExpressionError. */
export function check(text: string, node: Node, variables: ReadonlyMap<string, Type>): Type {
  return new Checking(text, variables).typeOf(node);
}

const bool = simple('bool');
const ordered: ReadonlySet<string> = new Set(['int', 'uint', 'double', 'string', 'bool', 'bytes', 'timestamp', 'duration', 'dyn']);
const numeric: ReadonlySet<string> = new Set(['int', 'uint', 'double']);
const typeNames: ReadonlySet<string> = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type']);

class Checking {
  readonly #text: string;
  readonly #variables: ReadonlyMap<string, Type>;
  readonly #bound: [string, Type][] = [];

  constructor(text: string, variables: ReadonlyMap<string, Type>) {
    this.#text = text;
    this.#variables = variables;
  }

  typeOf(node: Node): Type {
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
        if (!['int', 'double', 'duration', 'dyn'].includes(of.kind)) this.#noOverload(node, '-_', [of]);
        return of;
      }
      case 'and': case 'or': {
        const sides = [this.typeOf(node.left), this.typeOf(node.right)];
        if (sides.some(({ kind }) => kind !== 'bool' && kind !== 'dyn')) this.#noOverload(node, node.op === 'and' ? '_&&_' : '_||_', sides);
        return bool;
      }
      case 'if': {
        const condition = this.typeOf(node.condition);
        const [then, otherwise] = [this.typeOf(node.whenTrue), this.typeOf(node.otherwise)];
        const isSame = fits(then, otherwise, new Map()) || fits(otherwise, then, new Map()) || then.kind === 'null' || otherwise.kind === 'null';
        if ((condition.kind !== 'bool' && condition.kind !== 'dyn') || !isSame) this.#noOverload(node, '_?_:_', [condition, then, otherwise]);
        return joined(then, otherwise);
      }
      case 'binary': return this.#binary(node);
      case 'list': return listOf(node.items.map(({ value, isOptional }) => (isOptional ? heldBy(this.typeOf(value)) : this.typeOf(value))).reduce<Type | undefined>((a, b) => (a ? joined(a, b) : b), undefined) ?? dyn);
      case 'map': {
        const keys = node.entries.map(({ key }) => this.typeOf(key)).reduce<Type | undefined>((a, b) => (a ? joined(a, b) : b), undefined) ?? dyn;
        const values = node.entries.map(({ value, isOptional }) => (isOptional ? heldBy(this.typeOf(value)) : this.typeOf(value))).reduce<Type | undefined>((a, b) => (a ? joined(a, b) : b), undefined) ?? dyn;
        return mapOf(keys, values);
      }
      case 'object':
        for (const { value } of node.entries) this.typeOf(value);
        return dyn;
      case 'call': return this.#call(node);
      case 'macro': return this.#macro(node);
      case 'bind': return this.#bind(node);
    }
  }

  #fail(node: Node, why: string): never {
    throw new ExpressionError(this.#text, node.at, why);
  }

  #noOverload(node: Node, name: string, args: readonly Type[], hasReceiver = false): never {
    const shown = args.map(showType);
    this.#fail(node, `found no matching overload for '${name}' applied to '${hasReceiver ? `${shown[0]}.` : ''}(${(hasReceiver ? shown.slice(1) : shown).join(', ')})'`);
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
    if (!isObjectType(inner)) return this.#fail(node, `type '${showType(inner)}' does not support field selection`);
    return inner.fields.get(field) ?? this.#fail(node, `undefined field '${field}'`);
  }

  #index(node: Extract<Node, { op: 'index' }>): Type {
    const of = this.typeOf(node.of);
    const index = this.typeOf(node.index);
    const inner = of.kind === 'optional' ? heldBy(of) : of;
    const isRight = inner.kind === 'dyn' || (inner.kind === 'list' && (index.kind === 'int' || index.kind === 'dyn')) || (inner.kind === 'map' && fits(index, (inner as { key: Type }).key, new Map()));
    if (!isRight) this.#noOverload(node, '_[_]', [of, index]);
    const held = heldBy(inner);
    return node.isOptional || of.kind === 'optional' ? optionalOf(held) : held;
  }

  #expect(inner: Node, wanted: Type, name: string, node: Node): Type {
    const type = this.typeOf(inner);
    if (!fits(type, wanted, new Map())) this.#noOverload(node, name, [type]);
    return wanted;
  }

  #binary(node: Extract<Node, { op: 'binary' }>): Type {
    const { operator } = node;
    const [left, right] = [this.typeOf(node.left), this.typeOf(node.right)];
    const refuse = () => this.#noOverload(node, operator === 'in' ? '@in' : `_${operator}_`, [left, right]);
    const either = left.kind === 'dyn' || right.kind === 'dyn';
    switch (operator) {
      case '==': case '!=':
        if (!either && left.kind !== 'null' && right.kind !== 'null' && !fits(left, right, new Map())) refuse();
        return bool;
      case '<': case '<=': case '>': case '>=':
        if (!ordered.has(left.kind) || !ordered.has(right.kind) || (!either && left.kind !== right.kind && !(numeric.has(left.kind) && numeric.has(right.kind)))) refuse();
        return bool;
      case 'in':
        if (right.kind === 'dyn') return bool;
        if (right.kind === 'list' ? fits(left, heldBy(right), new Map()) : right.kind === 'map' && fits(left, (right as { key: Type }).key, new Map())) return bool;
        return refuse();
      case '+':
        if (either) return dyn;
        if (left.kind === 'list' && right.kind === 'list' && fits(left, right, new Map())) return joined(left, right);
        if (left.kind === right.kind && (numeric.has(left.kind) || ['string', 'bytes', 'duration'].includes(left.kind))) return left;
        if ((left.kind === 'timestamp' && right.kind === 'duration') || (left.kind === 'duration' && right.kind === 'timestamp')) return simple('timestamp');
        return refuse();
      case '-':
        if (either) return dyn;
        if (left.kind === right.kind && (numeric.has(left.kind) || left.kind === 'duration')) return left;
        if (left.kind === 'timestamp' && right.kind === 'timestamp') return simple('duration');
        if (left.kind === 'timestamp' && right.kind === 'duration') return left;
        return refuse();
      default:
        if (either) return dyn;
        if (left.kind === right.kind && numeric.has(left.kind) && (operator !== '%' || left.kind !== 'double')) return left;
        return refuse();
    }
  }

  #call(node: Extract<Node, { op: 'call' }>): Type {
    const full = qualified(node.name, node.receiver);
    const overloads = functionNamed(full ?? node.name);
    const hasReceiver = node.receiver !== undefined && full === undefined;
    const args = [...(hasReceiver ? [this.typeOf(node.receiver!)] : []), ...node.args.map((arg) => this.typeOf(arg))];
    if (hasReceiver && (args[0]!.kind === 'authorizer' || args[0]!.kind === 'dyn') && !overloads) return args[0]!.kind === 'authorizer' && ['allowed', 'errored'].includes(node.name) ? bool : args[0]!;
    if (!overloads) return this.#fail(node, `undeclared reference to '${node.name}' (in container '')`);
    const results: Type[] = [];
    for (const overload of overloads) {
      if (overload.hasReceiver !== hasReceiver || overload.parameters.length !== args.length) continue;
      const letters = new Map<string, Type>();
      if (overload.parameters.every((parameter, i) => fits(args[i]!, parameter, letters))) results.push(withLetters(overload.result, letters));
    }
    if (results.length === 0) this.#noOverload(node, full ?? node.name, args, hasReceiver);
    return results.reduce(joined);
  }

  #macro(node: Extract<Node, { op: 'macro' }>): Type {
    const of = this.typeOf(node.of);
    if (!['list', 'map', 'dyn'].includes(of.kind)) this.#fail(node.of, `expression of type '${showType(of)}' cannot be range of a comprehension (must be list, map, or dynamic)`);
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
