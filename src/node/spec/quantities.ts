// Resource amounts as plain numbers, where an absent one counts as nothing.
import { milliOf, quantity, quantityToNumber, unitsOf } from '../../api/quantity.ts';

export function amountOf(written: string | undefined): number {
  return written === undefined ? 0 : quantityToNumber(quantity(written));
}

/** Processors in thousandths. */
export function milliCpu(written: string | undefined): number {
  return written === undefined ? 0 : milliOf(written);
}

/** Bytes, Pods: whole, rounded up. */
export function wholeUnits(written: string | undefined): number {
  return written === undefined ? 0 : unitsOf(written);
}
