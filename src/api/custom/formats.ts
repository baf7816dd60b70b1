// The formats that a schema may ask of a text. Those that are not here are taken for a remark, as upstream takes them.
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { formatTime, parseTime } from '../../base/clock.ts';

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?([0-9a-f])[0-9a-f]{3}-?([0-9a-f])[0-9a-f]{3}-?[0-9a-f]{12}$/i;
const hostname = /^([a-zA-Z0-9\u00a1-\uffff]((-?[a-zA-Z0-9\u00a1-\uffff]{0,62})?)\.)*([a-zA-Z0-9\u00a1-\uffff]((-?[a-zA-Z0-9\u00a1-\uffff]{0,62})?))$/;
const date = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const dateTime = /^(\d{4}-\d{2}-\d{2})[tT ](\d{2}:\d{2}:\d{2})(\.\d+)?([zZ]|[+-]\d{2}:?\d{2})$/;
const goDuration = /^[-+]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w))+$/;
const spelledDuration = /^\d+\s*(ns|nano|nanosecond|us|µs|micro|microsecond|ms|milli|millisecond|s|sec|second|m|min|minute|h|hr|hour|d|day|w|wk|week)s?$/;

type Format = (text: string) => boolean;

const formats: Readonly<Record<string, Format>> = {
  bsonobjectid: (text) => /^[0-9a-f]{24}$/i.test(text),
  uri: isUri,
  email: (text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text),
  hostname: (text) => text.length <= 255 && hostname.test(text),
  ipv4: (text) => isIPv4(text),
  ipv6: (text) => isIPv6(text),
  cidr: isCidr,
  mac: (text) => /^([0-9a-f]{2}([:-]))([0-9a-f]{2}\2){4}[0-9a-f]{2}$|^([0-9a-f]{4}\.){2}[0-9a-f]{4}$|^([0-9a-f]{2}:){7}[0-9a-f]{2}$/i.test(text),
  uuid: (text) => uuid.test(text),
  uuid3: (text) => uuid.exec(text)?.[1] === '3',
  uuid4: (text) => uuid.exec(text)?.[1] === '4',
  uuid5: (text) => uuid.exec(text)?.[1] === '5',
  isbn: (text) => isIsbn10(digitsOf(text)) || isIsbn13(digitsOf(text)),
  isbn10: (text) => isIsbn10(digitsOf(text)),
  isbn13: (text) => isIsbn13(digitsOf(text)),
  creditcard: (text) => /^\d{12,19}$/.test(digitsOf(text)) && passesLuhn(digitsOf(text)),
  ssn: (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  hexcolor: (text) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text),
  rgbcolor: (text) => /^rgb\(\s*(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\s*,\s*){2}(?:25[0-5]|2[0-4]\d|1?\d?\d)\s*\)$/.test(text),
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})?$/.test(text),
  date: isDate,
  'date-time': isDateTime,
  datetime: isDateTime,
  duration: (text) => goDuration.test(text) || spelledDuration.test(text),
};

/** Whether the text has the format; true for one that is not known. */
export function hasFormat(format: string, text: string): boolean {
  return Object.hasOwn(formats, format) ? formats[format]!(text) : true;
}

/** Whether a number fits its format. */
export function fitsFormat(format: string, value: number): boolean {
  switch (format) {
    case 'int32':
      return Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31;
    case 'int64':
      return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
    case 'float':
      return Math.abs(value) <= 3.4028234663852886e38;
    default:
      return true;
  }
}

function isUri(text: string): boolean {
  if (text.startsWith('/')) return !/\s/.test(text);
  return URL.canParse(text) && /^[a-z][a-z0-9+.-]*:/i.test(text);
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/');
  return more.length === 0 && /^\d{1,3}$/.test(bits) && isIP(address) !== 0 && Number(bits) <= (isIPv4(address) ? 32 : 128);
}

/** One that is in the calendar: no 30th of February. */
function isDate(text: string): boolean {
  const ms = date.test(text) ? parseTime(`${text}T00:00:00Z`) : NaN;
  return !Number.isNaN(ms) && formatTime(ms).startsWith(text);
}

function isDateTime(text: string): boolean {
  const found = dateTime.exec(text);
  if (!found || !isDate(found[1]!)) return false;
  const zone = found[4]!.toUpperCase() === 'Z' ? 'Z' : found[4]!.replace(/^(.\d{2}):?(\d{2})$/, '$1:$2');
  return !Number.isNaN(parseTime(`${found[1]}T${found[2]}${zone}`));
}

function digitsOf(text: string): string {
  return text.replaceAll(/[- ]/g, '');
}

function isIsbn10(digits: string): boolean {
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  return [...digits].reduce((sum, digit, i) => sum + (digit === 'X' ? 10 : Number(digit)) * (10 - i), 0) % 11 === 0;
}

function isIsbn13(digits: string): boolean {
  return /^\d{13}$/.test(digits) && [...digits].reduce((sum, digit, i) => sum + Number(digit) * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

function passesLuhn(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const doubled = Number(digit) * (i % 2 === 0 ? 1 : 2);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}
