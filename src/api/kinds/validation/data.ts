// What ConfigMaps and Secrets have in common: a size, bytes in base64, and that they can be made immutable.
import { sameJson } from '../../meta.ts';
import type { Report } from './report.ts';

export const mostDataBytes = 1024 * 1024;

/** Gives how many bytes the text stands for. */
export function checkBytes(report: Report, field: string, base64: string): number {
  const text = base64.replace(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/]/.exec(text.replace(/={1,2}$/, ''));
  if (bad) report.invalid(field, '<contents redacted>', `illegal base64 data at input byte ${bad.index}`);
  else if (text.length % 4 !== 0) report.invalid(field, '<contents redacted>', `illegal base64 data at input byte ${text.length - (text.length % 4)}`);
  return Math.floor((text.length * 3) / 4);
}

/** Once `immutable` is set it stays set, and the data stays as it is. */
export function checkFrozen<T extends { immutable?: boolean }>(report: Report, object: T, before: T, parts: readonly (keyof T & string)[]): void {
  if (!before.immutable) return;
  const why = 'field is immutable when `immutable` is set';
  if (!object.immutable) report.forbidden('immutable', why);
  for (const part of parts) if (!sameJson(object[part], before[part])) report.forbidden(part, why);
}
