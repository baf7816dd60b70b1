// What follows from a look at what the node has left: which conditions it has, and what to take action for. Pure.
//
//   available ≥ threshold ── less than it ──▶ met ── for as long as its grace ──▶ due: something must go
//        ▲                                     │
//        └── threshold + minimum reclaim ──────┘        A condition stays for the transition period after that.
import { unitsOf, type EvictionPolicy, type Threshold } from './policy.ts';
import { conditionOf, resourceOf, type PressureCondition, type Readings } from './signals.ts';

/** What is remembered from one look to the next. Times are of one clock that never goes back. */
export interface PressureMemory {
  /** Since when each has been met. */
  readonly metSinceMs: ReadonlyMap<Threshold, number>;
  readonly lastMetMs: ReadonlyMap<PressureCondition, number>;
}

export const noPressure: PressureMemory = { metSinceMs: new Map(), lastMetMs: new Map() };

export interface Pressure {
  readonly memory: PressureMemory;
  readonly conditions: ReadonlySet<PressureCondition>;
  /** What has been met for long enough, the most urgent first. */
  readonly due: readonly Threshold[];
}

export function nextPressure(before: PressureMemory, readings: Readings, { thresholds, transitionMs }: EvictionPolicy, nowMs: number): Pressure {
  const met = thresholds.filter((one) => isMet(one, readings, before.metSinceMs.has(one)));
  const metSinceMs = new Map(met.map((one) => [one, before.metSinceMs.get(one) ?? nowMs]));
  const lastMetMs = new Map(before.lastMetMs);
  for (const { signal } of met) lastMetMs.set(conditionOf(signal), nowMs);
  const now = new Set(met.map(({ signal }) => conditionOf(signal)));
  for (const [condition, atMs] of lastMetMs) if (!now.has(condition) && nowMs - atMs >= transitionMs) lastMetMs.delete(condition);
  const due = met.filter((one) => nowMs - metSinceMs.get(one)! >= one.graceMs);
  return { memory: { metSinceMs, lastMetMs }, conditions: new Set(lastMetMs.keys()), due: due.sort((a, b) => urgency(a) - urgency(b)) };
}

/** `wasMet`: then it is over only once the minimum reclaim has been reached too. */
export function isMet({ signal, value, minimumReclaim }: Threshold, readings: Readings, wasMet: boolean): boolean {
  const reading = readings.get(signal);
  if (!reading) return false;
  const more = wasMet && minimumReclaim ? unitsOf(minimumReclaim, reading) : 0;
  return reading.available < unitsOf(value, reading) + more;
}

/** Whether a threshold may be met soon: it pays to look more often. */
export function isNear(readings: Readings, { thresholds }: EvictionPolicy): boolean {
  return thresholds.some(({ signal, value }) => {
    const reading = readings.get(signal);
    return reading !== undefined && reading.available < 2 * unitsOf(value, reading);
  });
}

/** Memory first: the kernel waits for nobody. */
function urgency({ signal, isHard }: Threshold): number {
  return (resourceOf(signal) === 'memory' ? 0 : 2) + (isHard ? 0 : 1);
}
