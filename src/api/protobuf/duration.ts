// Go's time.Duration as it stands in JSON: `1h30m0s`, in whole nanoseconds.

const nanosOf: Readonly<Record<string, number>> = { ns: 1, us: 1e3, 'µs': 1e3, 'μs': 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** In nanoseconds; what is no duration counts as none. */
export function parseDuration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  let nanos = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) nanos += Number(amount) * nanosOf[unit!]!;
  return Math.round(sign * nanos) || 0;
}

export function formatDuration(nanos: number): string {
  if (nanos === 0) return '0s';
  const sign = nanos < 0 ? '-' : '';
  const size = Math.abs(nanos);
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${decimal(size, 1e3)}µs`;
  if (size < 1e9) return `${sign}${decimal(size, 1e6)}ms`;
  const hours = Math.floor(size / 3600e9);
  const minutes = Math.floor(size / 60e9) % 60;
  return `${sign}${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${decimal(size % 60e9, 1e9)}s`;
}

/** Whole nanoseconds in a larger unit, exactly. */
function decimal(nanos: number, unit: number): string {
  const rest = nanos % unit;
  const whole = String((nanos - rest) / unit);
  return rest === 0 ? whole : `${whole}.${String(rest).padStart(String(unit).length - 1, '0').replace(/0+$/, '')}`;
}
