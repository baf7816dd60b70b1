// Which column a time falls into. A Pod is made in milliseconds, runs for days and ends in seconds: each stretch in which nothing
// happens takes as much room as its length has weight, and long ones weigh little. Pure.

export interface Scale {
  readonly columns: number;
  /** 0 to columns; fractions are places within a column. */
  columnOf(ms: number): number;
  /** The inverse. */
  timeAt(column: number): number;
}

/** Below it all is one moment. */
const momentMs = 4;

export function scaleOf(times: readonly number[], columns: number): Scale {
  const stops = [...new Set(times)].sort((a, b) => a - b);
  if (stops.length < 2) return { columns, columnOf: () => 0, timeAt: () => stops[0] ?? 0 };
  const weights = stops.slice(1).map((ms, index) => Math.log2(1 + (ms - stops[index]!) / momentMs) ** 1.5);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const places = [0];
  for (const weight of weights) places.push(places.at(-1)! + (weight / total) * columns);
  const between = (value: number, from: readonly number[], to: readonly number[]) => {
    if (value <= from[0]!) return to[0]!;
    const next = from.findIndex((one) => one >= value);
    if (next < 0) return to.at(-1)!;
    const share = (value - from[next - 1]!) / (from[next]! - from[next - 1]!);
    return to[next - 1]! + share * (to[next]! - to[next - 1]!);
  };
  return { columns, columnOf: (ms) => between(ms, stops, places), timeAt: (column) => between(column, places, stops) };
}
