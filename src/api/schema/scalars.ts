// The API's types that have a decoder of their own in Go: each function gives the value in its canonical form, or
// `{ error }` in the decoder's words.
import { formatTime, parseTime } from '../../base/clock.ts';
import { formatQuantity, parseQuantity, quantityMessage } from '../quantity.ts';

type Decoded = string | number | { error: string };

/** metav1.Time: RFC 3339, kept in UTC with whole seconds. */
export function decodeTime(value: unknown): Decoded {
  if (typeof value !== 'string') return { error: `json: cannot unmarshal ${jsonType(value)} into Go value of type string` };
  if (canonicalTime.test(value)) return value;
  const wallMs = rfc3339.test(value) ? parseTime(value) : NaN;
  return Number.isNaN(wallMs) ? badTime(value, '2006-01-02T15:04:05Z07:00') : formatTime(wallMs);
}

/** metav1.MicroTime: RFC 3339 with six digits of a second, in UTC. */
export function decodeMicroTime(value: unknown): Decoded {
  if (typeof value !== 'string') return { error: `json: cannot unmarshal ${jsonType(value)} into Go value of type string` };
  if (canonicalMicroTime.test(value)) return value;
  const wallMs = rfc3339.test(value) ? parseTime(value) : NaN;
  if (Number.isNaN(wallMs)) return badTime(value, '2006-01-02T15:04:05.000000Z07:00');
  const fraction = (/\.(\d+)/.exec(value)?.[1] ?? '').padEnd(6, '0').slice(0, 6);
  return `${formatTime(wallMs).slice(0, 19)}.${fraction}Z`;
}

/** metav1.Duration: Go's notation, `1h30m`. */
export function decodeDuration(value: unknown): Decoded {
  if (typeof value !== 'string') return { error: `json: cannot unmarshal ${jsonType(value)} into Go value of type string` };
  return /^[-+]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(value) ? value : { error: `time: invalid duration ${JSON.stringify(value)}` };
}

/** resource.Quantity: text or a number; kept as text, `0.5` as `500m`. */
export function decodeQuantity(value: unknown): Decoded {
  if (typeof value !== 'string' && typeof value !== 'number') return { error: quantityMessage };
  const known = canonical.get(value);
  if (known !== undefined) return known;
  const parsed = parseQuantity(value);
  if (!parsed) return { error: quantityMessage };
  const text = formatQuantity(parsed);
  if (canonical.size >= 1000) canonical.clear();
  if (String(value).length <= 32) canonical.set(value, text);
  return text;
}

/** The same few amounts come with every Pod. When full it starts afresh. */
const canonical = new Map<string | number, string>();

/** intstr.IntOrString: stays what it is. */
export function decodeIntOrString(value: unknown): Decoded {
  if (typeof value === 'string') return value;
  return integer(value, 2 ** 31) ? value : { error: `json: cannot unmarshal ${jsonType(value)} into Go value of type int32` };
}

/** []byte: base64 with padding; line breaks within are passed over. */
export function decodeBytes(value: unknown): Decoded {
  if (typeof value !== 'string') return { error: `json: cannot unmarshal ${jsonType(value)} into Go value of type []uint8` };
  const text = /[\r\n]/.test(value) ? value.replaceAll(/[\r\n]/g, '') : value;
  if (text.length % 4 === 0 && base64.test(text)) return text;
  const bad = text.search(/[^A-Za-z0-9+/]/);
  return { error: `illegal base64 data at input byte ${bad >= 0 ? bad : text.length - (text.length % 4)}` };
}

/** Whether a value is a whole number in [-limit, limit). */
export function integer(value: unknown, limit: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= -limit && value < limit;
}

const canonicalTime = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;
const canonicalMicroTime = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

function badTime(text: string, layout: string): { error: string } {
  const quoted = JSON.stringify(text);
  return { error: `parsing time ${quoted} as ${JSON.stringify(layout)}: cannot parse ${quoted} as "2006"` };
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
