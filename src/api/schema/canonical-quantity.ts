// The one way in which Kubernetes writes a quantity: `0.5` is `500m`, `1024Mi` is `1Gi`, `1000` is `1k`.
// Rules: apimachinery, pkg/api/resource: no fractional digits, the largest suffix that allows that, the input's family
// of suffixes kept, nothing finer than nano (rounded away from zero).

/** Undefined when the text is no quantity. */
export function canonicalQuantity(text: string): string | undefined {
  const known = recent.get(text);
  if (known !== undefined) return known;
  const canonical = canonicalize(text);
  if (canonical === undefined || text.length > 32) return canonical;
  if (recent.size >= recentLimit) recent.clear();
  recent.set(text, canonical);
  return canonical;
}

/** The same few quantities come with every Pod. When full it starts afresh. */
const recent = new Map<string, string>();
const recentLimit = 1000;

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)|[eE]([+-]?\d{1,3}))?$/;
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const nano = 10n ** 9n;

function canonicalize(text: string): string | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', suffix, exponent] = match;
  if (whole === '' && fraction === '') return undefined;

  const digits = BigInt(whole + fraction);
  const binary = suffix !== undefined && suffix.endsWith('i') ? binarySuffixes.indexOf(suffix) : 0;
  const decimal = exponent !== undefined ? Number(exponent) : suffix && binary === 0 ? (decimalSuffixes.indexOf(suffix) - 3) * 3 : 0;
  const nanos = inNanos(digits << BigInt(10 * binary), decimal - fraction.length);
  if (nanos === 0n) return '0';

  const minus = sign === '-' ? '-' : '';
  if (binary > 0 && nanos % nano === 0n && nanos >= 1024n * nano) return minus + withBinarySuffix(nanos / nano);
  return minus + (exponent !== undefined ? withExponent(nanos) : withDecimalSuffix(nanos));
}

function inNanos(digits: bigint, exponent: number): bigint {
  const shift = exponent + 9;
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  return (digits + divisor - 1n) / divisor;
}

function withBinarySuffix(value: bigint): string {
  let power = 0;
  for (; power < binarySuffixes.length - 1 && value % 1024n === 0n; power++) value /= 1024n;
  return `${value}${binarySuffixes[power]}`;
}

function withDecimalSuffix(nanos: bigint): string {
  let power = 0;
  for (; power < decimalSuffixes.length - 1 && nanos % 1000n === 0n; power++) nanos /= 1000n;
  return `${nanos}${decimalSuffixes[power]}`;
}

function withExponent(nanos: bigint): string {
  let exponent = -9;
  for (; nanos % 1000n === 0n; exponent += 3) nanos /= 1000n;
  return exponent === 0 ? `${nanos}` : `${nanos}e${exponent}`;
}
