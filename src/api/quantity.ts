// Amounts of resources as Kubernetes writes them: `500m`, `1Gi`, `2e3`. Exact: whole nano-units in a bigint.

/** How an amount is written back: with decimal suffixes (k, M), binary ones (Ki, Mi) or an exponent (e3). */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface Quantity {
  readonly nano: bigint;
  readonly format: QuantityFormat;
}

/** What is said of a text that is no quantity. */
export const quantityMessage = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Undefined when it is none. A JSON number is taken as it is written. More precise than nano is rounded away from zero. */
export function parseQuantity(written: string | number): Quantity | undefined {
  const text = String(written);
  const known = recent.get(text);
  if (known) return known;
  const parsed = parse(text);
  if (!parsed || text.length > longestKept) return parsed;
  if (recent.size >= mostKept) recent.clear();
  recent.set(text, parsed);
  return parsed;
}

/** The same few amounts come with every Pod. When full it starts afresh. */
const recent = new Map<string, Quantity>();
const mostKept = 1000;
const longestKept = 32;

function parse(text: string): Quantity | undefined {
  const match = shape.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const unit = unitOf(suffix);
  if (!unit) return undefined;
  const digits = BigInt(whole + fraction);
  const tens = unit.tens + 9 - fraction.length;
  let nano = tens >= 0 ? digits * unit.factor * 10n ** BigInt(Math.min(tens, 40)) : divideUp(digits * unit.factor, 10n ** BigInt(-tens));
  if (nano > most) nano = most;
  const format = unit.format === 'BinarySI' && nano < one ? 'DecimalSI' : unit.format;
  return { nano: sign === '-' ? -nano : nano, format };
}

/** For texts that validation has let through; throws on any other. */
export function quantity(written: string | number): Quantity {
  const parsed = parseQuantity(written);
  if (!parsed) throw new TypeError(`${quantityMessage}: ${JSON.stringify(written)}`);
  return parsed;
}

/** The one way to write an amount: a whole number with the largest suffix that fits. */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0';
  const size = nano < 0n ? -nano : nano;
  const sign = nano < 0n ? '-' : '';
  if (format === 'BinarySI' && size >= 1024n * one) {
    let count = divideUp(size, one);
    let power = 0;
    while (count % 1024n === 0n && power < binarySuffixes.length - 1) {
      count /= 1024n;
      power++;
    }
    return `${sign}${count}${binarySuffixes[power]}`;
  }
  let count = size;
  let thousands = -3;
  while (count % 1000n === 0n && thousands < 6) {
    count /= 1000n;
    thousands++;
  }
  const suffix = format === 'DecimalExponent' ? (thousands === 0 ? '' : `e${thousands * 3}`) : decimalSuffixes[thousands + 3];
  return `${sign}${count}${suffix}`;
}

/** The canonical text of a quantity; a text that is none is given back as it is. */
export function canonicalQuantity(written: string | number): string {
  const parsed = parseQuantity(written);
  return parsed ? formatQuantity(parsed) : String(written);
}

/** Negative, zero or positive, as `a` is less than, equal to or greater than `b`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0;
}

export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format };
}

export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano - b.nano, format: a.nano === 0n ? b.format : a.format };
}

/** Rounded up to thousandths, which is as fine as the API keeps resources. */
export function roundUpToMilli({ nano, format }: Quantity): Quantity {
  const milli = nano < 0n ? -divideUp(-nano, million) : divideUp(nano, million);
  return { nano: milli * million, format };
}

/** In units; the nearest double. */
export function quantityToNumber({ nano }: Quantity): number {
  return Number(nano) / 1e9;
}

/** Whole thousandths, rounded up. */
export function milliOf(written: string | number): number {
  const quick = typeof written === 'string' ? quickly(written) : undefined;
  if (quick !== undefined) return quick;
  const { nano } = quantity(written);
  return Number(nano < 0n ? -(-nano / million) : divideUp(nano, million));
}

/** Whole units, rounded up. */
export function unitsOf(written: string | number): number {
  return Math.ceil(milliOf(written) / 1000);
}

const one = 1_000_000_000n;
const million = 1_000_000n;
/** Upstream's cap: the largest signed 64-bit number of units. */
const most = (2n ** 63n - 1n) * one;

const shape = /^([+-]?)(\d*)(?:\.(\d*))?((?:[eE][+-]?\d+)|[numkMGTPE]|[KMGTPE]i|)$/;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];

interface Unit {
  readonly factor: bigint;
  /** A further power of ten. */
  readonly tens: number;
  readonly format: QuantityFormat;
}

function unitOf(suffix: string): Unit | undefined {
  const decimal = decimalSuffixes.indexOf(suffix);
  if (decimal >= 0) return { factor: 1n, tens: (decimal - 3) * 3, format: 'DecimalSI' };
  const binary = binarySuffixes.indexOf(suffix);
  if (binary > 0) return { factor: 1024n ** BigInt(binary), tens: 0, format: 'BinarySI' };
  const exponent = Number(suffix.slice(1));
  return Math.abs(exponent) > 1000 ? undefined : { factor: 1n, tens: exponent, format: 'DecimalExponent' };
}

function divideUp(amount: bigint, by: bigint): bigint {
  return (amount + by - 1n) / by;
}

/** The thousandths of the common forms (`2`, `250m`, `64Mi`) without bigints; undefined for the others. */
function quickly(written: string): number | undefined {
  const match = /^(\d{1,6})(m|Ki|Mi|Gi|)$/.exec(written);
  return match ? Number(match[1]) * quickFactors[match[2] as keyof typeof quickFactors] : undefined;
}

const quickFactors = { m: 1, '': 1000, Ki: 1000 * 1024, Mi: 1000 * 1024 ** 2, Gi: 1000 * 1024 ** 3 };
