// An expression that has been read and checked, ready to be evaluated under a budget.
import { ExpressionError, type Node } from './ast.ts';
import { check } from './check.ts';
import { estimate, type SizeAt } from './estimate.ts';
import { evaluate, type Lookup } from './evaluate.ts';
import type { Budget } from './functions.ts';
import { parse } from './parse.ts';
import { dyn, type Type } from './types.ts';
import { EvaluationError } from './values.ts';

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
  return programOf(text, node, check(text, node, variables));
}

/** What was accepted once stays: if it could not be declared any more, it fails when it is evaluated, and nothing else does. */
export function compileStored(text: string, variables: ReadonlyMap<string, Type>): Program {
  try {
    return compile(text, variables);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const { message } = error;
    return {
      text,
      type: dyn,
      uses: () => false,
      run: () => {
        throw new EvaluationError(`compilation failed: ${message}`);
      },
    };
  }
}

/** With what it costs at most, for values of these sizes. Throws ExpressionError. */
export function compileAndEstimate(text: string, variables: ReadonlyMap<string, Type>, sizeAt: SizeAt): { readonly program: Program; readonly cost: number } {
  const node = parse(text);
  const types = new Map<Node, Type>();
  const program = programOf(text, node, check(text, node, variables, types));
  return { program, cost: estimate(node, types, sizeAt) };
}

function programOf(text: string, node: Node, type: Type): Program {
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
