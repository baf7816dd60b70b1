// Rules that several kinds share: labels, selectors, addresses, ports, paths.
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { dnsSubdomain, labelValue, percent, portName, qualifiedName } from '../../names.ts';
import type { LabelSelector } from '../../types.ts';
import { present, type Report } from './report.ts';

type Words = Readonly<Record<string, string>>;

export const protocols = ['SCTP', 'TCP', 'UDP'];

export function checkLabels(report: Report, field: string, labels: Words | undefined): void {
  for (const key in labels) {
    report.follows(field, key, qualifiedName);
    report.follows(field, labels[key]!, labelValue);
  }
}

const mostAnnotationBytes = 256 * 1024;

export function checkAnnotations(report: Report, field: string, annotations: Words | undefined): void {
  let bytes = 0;
  for (const key in annotations) {
    for (const why of qualifiedName(key.toLowerCase())) report.invalid(field, key, why);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key]!);
  }
  if (bytes > mostAnnotationBytes) report.tooLong(field, mostAnnotationBytes);
}

export function checkLabelSelector(report: Report, field: string, selector: LabelSelector | undefined): void {
  if (!selector) return;
  checkLabels(report, `${field}.matchLabels`, selector.matchLabels);
  selector.matchExpressions?.forEach(({ key, operator, values = [] }, index) => {
    const at = `${field}.matchExpressions[${index}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) report.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) report.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else report.invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator');
    report.follows(`${at}.key`, key ?? '', qualifiedName);
    values.forEach((value, at2) => report.follows(`${at}.values[${at2}]`, value, labelValue));
  });
}

export function checkIp(report: Report, field: string, address: string | undefined, family?: 'IPv4' | 'IPv6'): void {
  const text = address ?? '';
  if (family === 'IPv4' && !isIPv4(text)) report.invalid(field, text, 'must be a valid IPv4 address');
  else if (family === 'IPv6' && !isIPv6(text)) report.invalid(field, text, 'must be a valid IPv6 address');
  else if (isIP(text) === 0) report.invalid(field, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
}

/** Addresses that no endpoint can have: unspecified, loopback and link-local ones. */
export function checkOrdinaryIp(report: Report, field: string, address: string | undefined): void {
  const text = (address ?? '').toLowerCase();
  if (isIP(text) === 0) return;
  if (text === '0.0.0.0' || text === '::') report.invalid(field, address, `may not be unspecified (${address})`);
  if (text.startsWith('127.') || text === '::1') report.invalid(field, address, 'may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (text.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(text)) report.invalid(field, address, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (text.startsWith('224.0.0.') || text.startsWith('ff02:')) {
    report.invalid(field, address, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
}

export function checkCidr(report: Report, field: string, text: string): void {
  const [address = '', bits = '', more] = text.split('/');
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  if (family === 0 || more !== undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > most) {
    report.invalid(field, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)');
  }
}

export function checkFqdn(report: Report, field: string, text: string): void {
  const name = text.replace(/\.$/, '');
  const wrong = dnsSubdomain(name);
  if (wrong.length > 0) report.invalid(field, name, wrong.join(','));
  else if (!name.includes('.')) report.invalid(field, name, 'should be a domain with at least two segments separated by dots');
}

/** A port's number, or the name of one. */
export function checkPortOrName(report: Report, field: string, port: number | string | undefined): void {
  if (typeof port === 'string') report.follows(field, port, portName);
  else report.port(field, port);
}

/** A whole number ≥ 0, or a percentage. */
export function checkNumberOrPercent(report: Report, field: string, value: number | string): void {
  if (typeof value === 'string') report.follows(field, value, percent);
  else report.notNegative(field, value);
}

export function checkNoBacksteps(report: Report, field: string, path: string): void {
  if (path.split('/').includes('..')) report.invalid(field, path, "must not contain '..'");
}

/** A relative path that stays below where it starts. */
export function checkLocalPath(report: Report, field: string, path: string): void {
  if (path.startsWith('/')) report.invalid(field, path, 'must be a relative path');
  checkNoBacksteps(report, field, path);
}

/** As checkLocalPath, and not one of the `..data` names that the node writes itself. */
export function checkFilePath(report: Report, field: string, path: string): void {
  checkLocalPath(report, field, path);
  if (path.startsWith('..') && !path.startsWith('../') && path !== '..') report.invalid(field, path, "must not start with '..'");
}

export function checkFileMode(report: Report, field: string, mode: number | undefined): void {
  if (present(mode) && (mode < 0 || mode > 0o777)) report.invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive');
}
