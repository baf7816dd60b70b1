// Durations as Go writes them, in which Kubernetes' flags are given: `90s`, `1m30s`, `24h`.

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** In milliseconds; undefined: the text is none. 0 needs no unit. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * unitMs[unit as keyof typeof unitMs], 0);
}
