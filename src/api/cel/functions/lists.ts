// Functions of lists and sets.
import type { Budget, FunctionTable } from '../functions.ts';
import { compare, equal, EvaluationError, numberOf, Uint } from '../values.ts';

const walk = (budget: Budget, list: readonly unknown[]) => budget.spend(list.length);

function contains(list: readonly unknown[], part: readonly unknown[], budget: Budget): boolean {
  budget.spend(list.length * part.length);
  return part.every((item) => list.some((other) => equal(item, other)));
}

function extreme(list: readonly unknown[], sign: number): unknown {
  if (list.length === 0) throw new EvaluationError(`${sign < 0 ? 'min' : 'max'} called on empty list`);
  return list.reduce((best, item) => (compare(item, best)! * sign > 0 ? item : best));
}

export const listFunctions: FunctionTable = {
  'list<A>.isSorted(): bool': ([list], budget) => (walk(budget, list), list.every((item: unknown, i: number) => i === 0 || compare(list[i - 1], item)! <= 0)),
  'list<A>.sum(): A': ([list], budget) => {
    walk(budget, list);
    if (list[0] instanceof Uint) return new Uint(list.reduce((sum: bigint, { value }: Uint) => sum + value, 0n));
    const numbers = list.map(numberOf);
    return typeof numbers[0] === 'number' ? numbers.reduce((sum: number, value: number) => sum + value, 0) : numbers.reduce((sum: bigint, value: bigint) => sum + value, 0n);
  },
  'list<A>.min(): A': ([list], budget) => (walk(budget, list), extreme(list, -1)),
  'list<A>.max(): A': ([list], budget) => (walk(budget, list), extreme(list, 1)),
  'list<A>.indexOf(A): int': ([list, item], budget) => (walk(budget, list), BigInt(list.findIndex((one: unknown) => equal(one, item)))),
  'list<A>.lastIndexOf(A): int': ([list, item], budget) => (walk(budget, list), BigInt(list.findLastIndex((one: unknown) => equal(one, item)))),
  'list<A>.distinct(): list<A>': ([list], budget) => {
    budget.spend(list.length ** 2);
    return list.filter((item: unknown, i: number) => list.findIndex((other: unknown) => equal(item, other)) === i);
  },
  'list<A>.reverse(): list<A>': ([list], budget) => (walk(budget, list), [...list].reverse()),
  'list<A>.sort(): list<A>': ([list], budget) => (walk(budget, list), [...list].sort((a, b) => compare(a, b) ?? 0)),
  'list<A>.slice(int, int): list<A>': ([list, from, to]) => {
    if (from < 0n || to < from || to > list.length) throw new EvaluationError(`cannot slice(${from}, ${to}), list is length ${list.length}`);
    return list.slice(Number(from), Number(to));
  },
  'list<dyn>.flatten(): list<dyn>': ([list], budget) => (walk(budget, list), list.flat()),
  'list<dyn>.flatten(int): list<dyn>': ([list, depth], budget) => {
    if (depth < 0n) throw new EvaluationError('level must be non-negative');
    const flat = list.flat(Number(depth));
    walk(budget, flat);
    return flat;
  },
  'lists.range(int): list<int>': ([count], budget) => {
    budget.spend(Number(count));
    return Array.from({ length: Number(count) }, (_, i) => BigInt(i));
  },
  'sets.contains(list<A>, list<A>): bool': ([list, part], budget) => contains(list, part, budget),
  'sets.equivalent(list<A>, list<A>): bool': ([a, b], budget) => contains(a, b, budget) && contains(b, a, budget),
  'sets.intersects(list<A>, list<A>): bool': ([a, b], budget) => {
    budget.spend(a.length * b.length);
    return a.some((item: unknown) => b.some((other: unknown) => equal(item, other)));
  },
};
