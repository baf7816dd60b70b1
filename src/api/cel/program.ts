// An expression that has been read and checked, ready to be evaluated under a budget.
import type { Node } from './ast.ts';
import { check } from './check.ts';
import { evaluate, type Lookup } from './evaluate.ts';
import type { Budget } from './functions.ts';
import { parse } from './parse.ts';
import type { Type } from './types.ts';

/** As kube-apiserver has it: what one expression may cost, and all that are evaluated for one request. */
export const mostOfOne = 1_000_000;
export const mostOfAll = 10_000_000;

export interface Program {
  readonly text: string;
  readonly type: Type;
  /** Whether the expression says this name anywhere. */
  uses(name: string): boolean;
  /** Throws EvaluationError, OverBudget. */
  run(lookup: Lookup, budget: CostBudget): unknown;
}

/** Throws ExpressionError. */
export function compile(text: string, variables: ReadonlyMap<string, Type>): Program {
  const node = parse(text);
  const type = check(text, node, variables);
  const names = new Set<string>();
  collect(node, names);
  return { text, type, uses: (name) => names.has(name), run: (lookup, budget) => evaluate(node, lookup, budget.ofOne()) };
}

/** Neither the expression nor any that follow it in the request will be evaluated. */
export class OverBudget extends Error {
  override readonly name = 'OverBudget';
  readonly isOfAll: boolean;
  constructor(isOfAll: boolean) {
    super(isOfAll ? 'validation failed due to running out of cost budget, no further validation rules will be run' : 'operation cancelled: actual cost limit exceeded');
    this.isOfAll = isOfAll;
  }
}

/** For all expressions of one request. */
export class CostBudget {
  #left = mostOfAll;

  ofOne(): Budget {
    let left = mostOfOne;
    return {
      spend: (units) => {
        left -= units;
        this.#left -= units;
        if (left < 0) throw new OverBudget(false);
        if (this.#left < 0) throw new OverBudget(true);
      },
    };
  }
}

function collect(value: unknown, names: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collect(item, names);
  else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    const node = value as Partial<Node> & { name?: string };
    if (node.op === 'name') names.add(node.name!);
    for (const inner of Object.values(value)) collect(inner, names);
  }
}
