// Amounts of resources by name: cpu in thousandths, everything else in whole units.
import { milliOf, unitsOf } from '../api/quantity.ts';

export type Amounts = Readonly<Record<string, number>>;
export type MutableAmounts = Record<string, number>;

type Quantities = Readonly<Record<string, string>> | undefined;

export function amountsOf(quantities: Quantities): MutableAmounts {
  const amounts: MutableAmounts = {};
  for (const name in quantities) amounts[name] = name === 'cpu' ? milliOf(quantities[name]!) : unitsOf(quantities[name]!);
  return amounts;
}

/** Adds `more` (`times` -1: takes it away) to `amounts`. */
export function add(amounts: MutableAmounts, more: Amounts, times: 1 | -1 = 1): void {
  for (const name in more) amounts[name] = (amounts[name] ?? 0) + times * more[name]!;
}

/** Raises `amounts` to at least `other`. */
export function raise(amounts: MutableAmounts, other: Amounts): void {
  for (const name in other) amounts[name] = Math.max(amounts[name] ?? 0, other[name]!);
}
