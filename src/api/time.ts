// Durations as `kubectl get` prints them.
import { parseTime } from '../base/clock.ts';

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const yearMs = 365 * dayMs;

/** At most two units, the finer one only while it matters: `45s`, `3m20s`, `5h`, `2d4h`, `1y20d`. */
export function formatAge(ageMs: number): string {
  const whole = (unitMs: number) => Math.trunc(ageMs / unitMs);
  const two = (large: number, largeUnit: string, small: number, smallUnit: string) =>
    small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
  const seconds = whole(secondMs);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = whole(minuteMs);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = whole(hourMs);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = whole(dayMs);
  if (days < 8) return two(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = whole(yearMs);
  if (years < 8) return two(years, 'y', days % 365, 'd');
  return `${years}y`;
}

/** The time since an RFC 3339 timestamp; `<unknown>` when there is none. */
export function formatSince(timestamp: string | null | undefined, nowMs: number): string {
  const thenMs = timestamp ? parseTime(timestamp) : NaN;
  return Number.isNaN(thenMs) ? '<unknown>' : formatAge(nowMs - thenMs);
}
