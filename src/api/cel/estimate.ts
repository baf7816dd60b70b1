// What an expression costs at most, known before it is ever evaluated: from how large its values may be. By this a definition is
// accepted or refused, so the reckoning is upstream's to the unit (cel-go's checker/cost.go, Kubernetes' library/cost.go).
import type { Node } from './ast.ts';
import { qualified } from './evaluate.ts';
import { callCost, type Argument } from './call-costs.ts';
import type { Types } from './check.ts';
import { ceiled, exactly, plus, times, unknownSize, widest, type Size } from './sizes.ts';
import { dyn, heldBy, type Type } from './types.ts';

/**
 * How large the value at a path may be: names of fields, `@items`, `@keys`, `@values`. Undefined: there is no telling.
 * What a path begins with does not matter, as upstream's does not.
 */
export type SizeAt = (path: readonly string[]) => number | undefined;

/** What the expression costs in the worst case. */
export function estimate(node: Node, types: Types, sizeAt: SizeAt): number {
  return new Estimating(types, sizeAt).cost(node);
}

interface Local {
  readonly name: string;
  readonly path: readonly string[];
  readonly size: Size | undefined;
  readonly held: Held | undefined;
}

/** How large what a list or a map holds may be. */
interface Held {
  readonly key: Size;
  readonly value: Size;
}

const listCost = 10;
const mapCost = 30;
const objectCost = 40;

class Estimating {
  readonly #types: Types;
  readonly #sizeAt: SizeAt;
  readonly #locals: Local[] = [];
  readonly #paths = new Map<Node, readonly string[]>();
  readonly #sizes = new Map<Node, Size>();
  readonly #held = new Map<Node, Held>();

  constructor(types: Types, sizeAt: SizeAt) {
    this.#types = types;
    this.#sizeAt = sizeAt;
  }

  cost(node: Node): number {
    switch (node.op) {
      case 'value': return 0;
      case 'name':
        this.#paths.set(node, this.#local(node.name)?.path ?? [node.name]);
        return 1;
      case 'select': {
        const of = this.cost(node.of);
        if (node.isOptional) return plus(of, 1);
        this.#paths.set(node, [...this.#pathOf(node.of), node.field]);
        return plus(of, ['map', 'object'].includes(this.#type(node.of).kind) ? 1 : 0);
      }
      case 'has': return this.cost(node.of);
      case 'index': return this.#index(node);
      case 'not': case 'negate': return plus(this.cost(node.of), 1);
      case 'and': case 'or': return plus(this.cost(node.left), this.cost(node.right));
      case 'if': {
        const cost = plus(this.cost(node.condition), Math.max(this.cost(node.whenTrue), this.cost(node.otherwise)));
        this.#sizes.set(node, widest(this.#sizeOrUnknown(node.whenTrue), this.#sizeOrUnknown(node.otherwise)));
        this.#setHeld(node, bothHeld(this.#heldBy(node.whenTrue), this.#heldBy(node.otherwise)));
        return cost;
      }
      case 'binary': return this.#binary(node);
      case 'list': {
        const cost = node.items.reduce((sum, { value }) => plus(sum, this.cost(value)), listCost);
        this.#held.set(node, { key: exactly(1), value: this.#common(node.items.map(({ value }) => value)) });
        return cost;
      }
      case 'map': {
        const cost = node.entries.reduce((sum, { key, value }) => plus(sum, this.cost(key), this.cost(value)), mapCost);
        this.#held.set(node, { key: this.#common(node.entries.map(({ key }) => key)), value: this.#common(node.entries.map(({ value }) => value)) });
        return cost;
      }
      case 'object': return node.entries.reduce((sum, { value }) => plus(sum, this.cost(value)), objectCost);
      case 'call': return this.#call(node);
      case 'macro': return this.#macro(node);
      case 'bind': return this.#bind(node);
    }
  }

  #type(node: Node): Type {
    return this.#types.get(node) ?? dyn;
  }

  #local(name: string): Local | undefined {
    return this.#locals.findLast((local) => local.name === name);
  }

  #pathOf(node: Node): readonly string[] {
    return (node.op === 'name' ? this.#local(node.name)?.path : undefined) ?? this.#paths.get(node) ?? [];
  }

  #sizeOf(node: Node): Size | undefined {
    const known = this.#sizes.get(node) ?? sizeOfLiteral(node);
    if (known) return known;
    const path = this.#pathOf(node);
    const declared = path.length > 0 ? this.#sizeAt(path.slice(1)) : undefined;
    if (declared !== undefined) return { min: 0, max: declared };
    if (isScalar(this.#type(node))) return exactly(1);
    return node.op === 'name' ? this.#local(node.name)?.size : undefined;
  }

  #sizeOrUnknown(node: Node): Size {
    return this.#sizeOf(node) ?? unknownSize;
  }

  #common(nodes: readonly Node[]): Size {
    return nodes.length === 0 ? exactly(0) : nodes.map((node) => this.#sizeOrUnknown(node)).reduce(widest);
  }

  #heldBy(node: Node): Held | undefined {
    return this.#held.get(node) ?? (node.op === 'name' ? this.#local(node.name)?.held : undefined);
  }

  #setSize(node: Node, size: Size | undefined): void {
    if (size) this.#sizes.set(node, size);
  }

  #setHeld(node: Node, held: Held | undefined): void {
    if (held) this.#held.set(node, held);
  }

  #index(node: Extract<Node, { op: 'index' }>): number {
    const cost = plus(this.cost(node.of), this.cost(node.index), 1);
    const { kind } = this.#type(node.of);
    if (node.isOptional || (kind !== 'list' && kind !== 'map' && kind !== 'dyn')) return cost;
    this.#setSize(node, this.#heldBy(node.of)?.value);
    this.#paths.set(node, [...this.#pathOf(node.of), kind === 'list' ? '@items' : '@values']);
    return cost;
  }

  #binary(node: Extract<Node, { op: 'binary' }>): number {
    const args = plus(this.cost(node.left), this.cost(node.right));
    const [left, right] = [this.#type(node.left).kind, this.#type(node.right).kind];
    const sized = (kind: string) => kind === 'string' || kind === 'bytes' || kind === 'dyn';
    switch (node.operator) {
      case '==': case '!=':
        if (node.operator === '==' && left === right && ofFixedCost.has(left)) return plus(args, left === 'format' ? 7 : 1);
        return plus(args, this.#comparison(node.left, node.right));
      case '<': case '<=': case '>': case '>=': {
        if (!sized(left) || !sized(right)) return plus(args, 1);
        const cost = this.#comparison(node.left, node.right);
        return plus(args, left === 'dyn' || right === 'dyn' ? Math.max(cost, 1) : cost);
      }
      case 'in': {
        const inList = this.#sizeOrUnknown(node.right).max;
        return plus(args, right === 'list' ? inList : right === 'map' ? 1 : Math.max(inList, 1));
      }
      case '+': {
        if (!sized(left) && left !== 'list') return plus(args, 1);
        const size = sumOf(this.#sizeOrUnknown(node.left), this.#sizeOrUnknown(node.right));
        this.#setHeld(node, bothHeld(this.#heldBy(node.left), this.#heldBy(node.right)));
        this.#sizes.set(node, size);
        return plus(args, left === 'list' ? 1 : left === 'dyn' ? Math.max(1, ceiled(size.max, 0.1)) : ceiled(size.max, 0.1));
      }
      default: return plus(args, 1);
    }
  }

  /** As far as the shorter goes. */
  #comparison(left: Node, right: Node): number {
    return ceiled(Math.min(this.#sizeOrUnknown(left).max, this.#sizeOrUnknown(right).max), 0.1);
  }

  #argument(node: Node): Argument {
    const type = this.#type(node);
    const path = this.#pathOf(node);
    const item = heldBy(type);
    return {
      type,
      size: this.#sizeOrUnknown(node),
      literal: node.op === 'value' ? node.value : undefined,
      item: type.kind === 'list' ? { type: item, size: { min: 0, max: (path.length > 0 ? this.#sizeAt([...path.slice(1), '@items']) : undefined) ?? unknownSize.max } } : undefined,
    };
  }

  #call(node: Extract<Node, { op: 'call' }>): number {
    const name = qualified(node.name, node.receiver) ?? node.name;
    const receiver = node.receiver && name === node.name ? node.receiver : undefined;
    const args = node.args.reduce((sum, arg) => plus(sum, this.cost(arg)), receiver ? this.cost(receiver) : 0);
    if (name === 'dyn' && node.args.length === 1) {
      this.#setSize(node, this.#sizeOf(node.args[0]!));
      this.#setHeld(node, this.#heldBy(node.args[0]!));
      return plus(args, 1);
    }
    const { cost, size } = callCost(name, receiver && this.#argument(receiver), node.args.map((arg) => this.#argument(arg)));
    this.#setSize(node, size ?? this.#sizeOf(node));
    return plus(args, cost);
  }

  #macro(node: Extract<Node, { op: 'macro' }>): number {
    const range = this.cost(node.of);
    const count = this.#sizeOrUnknown(node.of);
    const isList = this.#type(node.of).kind === 'list';
    const held = this.#heldBy(node.of);
    const path = this.#pathOf(node.of);
    const keys: Omit<Local, 'name'> = { path: [...path, isList ? '@indices' : '@keys'], size: held?.key, held: undefined };
    const values: Omit<Local, 'name'> = { path: [...path, isList ? '@items' : '@values'], size: held?.value, held: undefined };
    const bound = node.variables.length === 2 ? [keys, values] : [isList ? values : keys];
    node.variables.forEach((name, i) => this.#locals.push({ name, ...bound[i]! }));
    const filter = node.filter && this.cost(node.filter);
    const body = this.cost(node.body);
    const item = node.macro === 'filter' ? bound[0]!.size : this.#sizeOf(node.body);
    this.#locals.length -= node.variables.length;
    const loop = (each: number): number => times(count.max, filter === undefined ? each : plus(filter, Math.max(each, 1)));
    switch (node.macro) {
      case 'all': return plus(range, loop(plus(body, 3)), 1);
      case 'exists': return plus(range, loop(plus(body, 4)), 1);
      case 'existsOne': return plus(range, loop(plus(body, 2)), 2);
      case 'filter': case 'map': case 'transformList': {
        this.#sizes.set(node, count);
        if (item) this.#held.set(node, { key: exactly(1), value: item });
        return plus(range, listCost, loop(plus(body, node.macro === 'filter' ? 1 + 1 + listCost + 1 : 1 + listCost + 1)), 1);
      }
      case 'transformMap': case 'transformMapEntry':
        this.#sizes.set(node, count);
        return plus(range, mapCost, loop(plus(body, node.macro === 'transformMap' ? 3 : 2)), 1);
      case 'sortBy': {
        // The list is bound, its keys are mapped, and each is compared with each.
        this.#sizes.set(node, count);
        const mapped = plus(1, listCost, loop(plus(body, 1 + listCost + 1)), 1);
        return plus(listCost, range, 1, mapped, ceiled(times(count.max, count.max), this.#type(node.body).kind === 'string' ? 2.1 : 2), 1 + listCost);
      }
    }
  }

  /** A bind is a comprehension over an empty list; what an optional maps is evaluated where it has a value. */
  #bind(node: Extract<Node, { op: 'bind' }>): number {
    const of = this.cost(node.of);
    const isBind = node.kind === 'bind';
    this.#locals.push({ name: node.variable, path: isBind ? this.#pathOf(node.of) : [], size: isBind ? this.#sizeOf(node.of) : undefined, held: isBind ? this.#heldBy(node.of) : undefined });
    const body = this.cost(node.body);
    const size = this.#sizeOf(node.body);
    const held = this.#heldBy(node.body);
    this.#locals.pop();
    if (isBind) {
      this.#setSize(node, size);
      this.#setHeld(node, held);
      return plus(listCost, of, body);
    }
    return plus(of, 1, listCost, of, 1, body, node.kind === 'optMap' ? 1 : 0);
  }
}

const ofFixedCost: ReadonlySet<string> = new Set(['ip', 'cidr', 'quantity', 'semver', 'format', 'url', 'authorizer']);
const scalars: ReadonlySet<string> = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint']);

function isScalar(type: Type): boolean {
  return scalars.has(type.kind) || (type.kind === 'optional' && isScalar(heldBy(type)));
}

function sizeOfLiteral(node: Node): Size | undefined {
  switch (node.op) {
    case 'value': return exactly(typeof node.value === 'string' ? [...node.value].length : node.value instanceof Uint8Array ? node.value.length : 1);
    case 'list': return exactly(node.items.length);
    case 'map': return exactly(node.entries.length);
    default: return undefined;
  }
}

function sumOf(a: Size, b: Size): Size {
  return { min: plus(a.min, b.min), max: plus(a.max, b.max) };
}

function bothHeld(a: Held | undefined, b: Held | undefined): Held | undefined {
  return a && b && { key: widest(a.key, b.key), value: widest(a.value, b.value) };
}
