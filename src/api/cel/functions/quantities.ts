// Quantities (`500m`, `1Gi`) and semantic versions, to be compared and reckoned with.
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, quantityMessage, quantityToNumber, subtractQuantities, type Quantity } from '../../quantity.ts';
import type { FunctionTable } from '../functions.ts';
import { EvaluationError, Opaque } from '../values.ts';

class Amount extends Opaque {
  readonly type = 'quantity';
  readonly amount: Quantity;
  constructor(amount: Quantity) {
    super();
    this.amount = amount;
  }
  equals(other: unknown): boolean {
    return other instanceof Amount && compareQuantities(this.amount, other.amount) === 0;
  }
}

class Version extends Opaque {
  readonly type = 'semver';
  readonly numbers: readonly [number, number, number];
  readonly before: readonly string[];
  constructor(numbers: readonly [number, number, number], before: readonly string[]) {
    super();
    this.numbers = numbers;
    this.before = before;
  }
  equals(other: unknown): boolean {
    return other instanceof Version && compareVersions(this, other) === 0;
  }
}

const one = 1_000_000_000n;
const isWhole = ({ amount: { nano } }: Amount): boolean => nano % one === 0n && nano / one <= 9223372036854775807n && nano / one >= -9223372036854775808n;
const whole = (value: bigint): Quantity => ({ nano: value * one, format: 'DecimalSI' });

function amountOf(text: string): Amount {
  const amount = parseQuantity(text);
  if (!amount) throw new EvaluationError(quantityMessage);
  return new Amount(amount);
}

const versionPattern = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-.]+)?$/;

function readVersion(text: string): Version | undefined {
  const found = versionPattern.exec(text);
  return found ? new Version([Number(found[1]), Number(found[2]), Number(found[3])], found[4]?.split('.') ?? []) : undefined;
}

function versionOf(text: string, asGiven: string): Version {
  const version = readVersion(text);
  if (!version) throw new EvaluationError(`invalid semantic version ${JSON.stringify(asGiven)}`);
  return version;
}

/** `v1.02` as `1.2.0`: without a `v` and leading zeros, and with all three numbers. */
function normalized(text: string): string {
  const [, core = '', rest = ''] = /^v?([^+-]*)(.*)$/s.exec(text)!;
  const numbers = core.split('.');
  if (numbers.length > 3 || (numbers.length < 3 && rest !== '')) return text;
  return [...numbers, '0', '0'].slice(0, 3).map((number) => number.replace(/^0+(?=\d)/, '')).join('.') + rest;
}

function compareVersions(a: Version, b: Version): number {
  for (const i of [0, 1, 2]) if (a.numbers[i] !== b.numbers[i]) return Math.sign(a.numbers[i]! - b.numbers[i]!);
  if (a.before.length === 0 || b.before.length === 0) return Math.sign(Number(b.before.length > 0) - Number(a.before.length > 0));
  for (let i = 0; i < Math.max(a.before.length, b.before.length); i++) {
    const [x, y] = [a.before[i], b.before[i]];
    if (x === y) continue;
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const [xIsNumber, yIsNumber] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (xIsNumber && yIsNumber) return Math.sign(Number(x) - Number(y));
    if (xIsNumber !== yIsNumber) return xIsNumber ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return 0;
}

export const quantityFunctions: FunctionTable = {
  'isQuantity(string): bool': ([text]) => parseQuantity(text) !== undefined,
  'quantity(string): quantity': ([text]) => amountOf(text),
  'string(quantity): string': ([{ amount }]) => formatQuantity(amount),
  'quantity.sign(): int': ([{ amount }]) => (amount.nano > 0n ? 1n : amount.nano < 0n ? -1n : 0n),
  'quantity.isInteger(): bool': ([amount]) => isWhole(amount),
  'quantity.asInteger(): int': ([amount]) => {
    if (!isWhole(amount)) throw new EvaluationError('cannot convert value to integer');
    return amount.amount.nano / one;
  },
  'quantity.asApproximateFloat(): double': ([{ amount }]) => quantityToNumber(amount),
  'quantity.add(quantity): quantity': ([a, b]) => new Amount(addQuantities(a.amount, b.amount)),
  'quantity.add(int): quantity': ([a, b]) => new Amount(addQuantities(a.amount, whole(b))),
  'quantity.sub(quantity): quantity': ([a, b]) => new Amount(subtractQuantities(a.amount, b.amount)),
  'quantity.sub(int): quantity': ([a, b]) => new Amount(subtractQuantities(a.amount, whole(b))),
  'quantity.isGreaterThan(quantity): bool': ([a, b]) => compareQuantities(a.amount, b.amount) > 0,
  'quantity.isLessThan(quantity): bool': ([a, b]) => compareQuantities(a.amount, b.amount) < 0,
  'quantity.compareTo(quantity): int': ([a, b]) => BigInt(Math.sign(compareQuantities(a.amount, b.amount))),

  'isSemver(string): bool': ([text]) => readVersion(text) !== undefined,
  'isSemver(string, bool): bool': ([text, isLenient]) => readVersion(isLenient ? normalized(text) : text) !== undefined,
  'semver(string): semver': ([text]) => versionOf(text, text),
  'semver(string, bool): semver': ([text, isLenient]) => versionOf(isLenient ? normalized(text) : text, text),
  'semver.major(): int': ([{ numbers }]) => BigInt(numbers[0]),
  'semver.minor(): int': ([{ numbers }]) => BigInt(numbers[1]),
  'semver.patch(): int': ([{ numbers }]) => BigInt(numbers[2]),
  'semver.isGreaterThan(semver): bool': ([a, b]) => compareVersions(a, b) > 0,
  'semver.isLessThan(semver): bool': ([a, b]) => compareVersions(a, b) < 0,
  'semver.compareTo(semver): int': ([a, b]) => BigInt(compareVersions(a, b)),
};
