// How large a value may be, and sums that end at the largest number: what has no bound has no end.

export interface Size {
  readonly min: number;
  readonly max: number;
}

const most = 2 ** 64;

export const unknownSize: Size = { min: 0, max: most };
export const exactly = (size: number): Size => ({ min: size, max: size });
export const widest = (a: Size, b: Size): Size => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });

export function plus(...parts: readonly number[]): number {
  return Math.min(most, parts.reduce((sum, part) => sum + part, 0));
}

export function times(a: number, b: number): number {
  return Math.min(most, a * b);
}

/** `units` at `each`, rounded up. */
export function ceiled(units: number, each: number): number {
  return Math.min(most, Math.ceil(units * each));
}
