// When a node counts as short of something: the kubelet's --eviction-… flags, in its words and its syntax. Pure.
import { parseQuantity, quantityToNumber } from '../../api/quantity.ts';
import { parseDuration } from '../../base/duration.ts';
import { signals, type Reading, type Signal } from './signals.ts';

export interface EvictionFlags {
  /** `memory.available<100Mi,nodefs.available<5%`. What it leaves out has no threshold. */
  readonly evictionHard?: string;
  readonly evictionSoft?: string;
  /** `memory.available=1m30s`: one for every soft threshold. */
  readonly evictionSoftGracePeriod?: string;
  /** Seconds; what a Pod evicted for a soft threshold gets to end, if its own grace is not shorter. Default 0: a moment. */
  readonly evictionMaxPodGracePeriod?: number;
  /** For how long a condition stays after its thresholds were last met: `5m0s`. */
  readonly evictionPressureTransitionPeriod?: string;
  /** `nodefs.available=500Mi`: so much beyond the threshold is freed. */
  readonly evictionMinimumReclaim?: string;
}

export type Amount = { readonly units: number } | { readonly fraction: number };

export interface Threshold {
  readonly signal: Signal;
  /** Met when less than this is available. */
  readonly value: Amount;
  readonly isHard: boolean;
  /** How long it must have been met. */
  readonly graceMs: number;
  readonly minimumReclaim: Amount | undefined;
}

export interface EvictionPolicy {
  readonly thresholds: readonly Threshold[];
  readonly maxPodGraceSeconds: number;
  readonly transitionMs: number;
}

/**
 * Kubernetes' own are 10% of nodefs and 15% of imagefs; these are k3s': a laptop whose disk is nine tenths full is no node
 * that must throw out its Pods.
 */
export const defaultHard = 'memory.available<100Mi,nodefs.available<5%,nodefs.inodesFree<5%,imagefs.available<5%,imagefs.inodesFree<5%';
const defaultTransition = '5m0s';

/** Throws an Error that says which flag cannot be meant so. */
export function parseEvictionPolicy(flags: EvictionFlags = {}): EvictionPolicy {
  const grace = assignments(flags.evictionSoftGracePeriod, 'eviction-soft-grace-period', durationMs);
  const reclaim = assignments(flags.evictionMinimumReclaim, 'eviction-minimum-reclaim', (text, flag) => amount(text, flag, true)!);
  const threshold = ([signal, value]: readonly [Signal, Amount], graceMs: number, isHard: boolean): Threshold => ({ signal, value, isHard, graceMs, minimumReclaim: reclaim.get(signal) });
  const hard = statements(flags.evictionHard ?? defaultHard, 'eviction-hard').map((one) => threshold(one, 0, true));
  const soft = statements(flags.evictionSoft ?? '', 'eviction-soft').map((one) => {
    const graceMs = grace.get(one[0]);
    if (graceMs === undefined) throw new Error(`grace period must be specified for the soft eviction threshold ${one[0]}`);
    return threshold(one, graceMs, false);
  });
  // What all Pods together may have runs out as the node's memory does.
  const allocatable = hard.filter(({ signal }) => signal === 'memory.available').map((one): Threshold => ({ ...one, signal: 'allocatableMemory.available' }));
  const maxPodGraceSeconds = flags.evictionMaxPodGracePeriod ?? 0;
  if (!Number.isInteger(maxPodGraceSeconds) || maxPodGraceSeconds < 0) throw new Error(`--eviction-max-pod-grace-period: ${maxPodGraceSeconds} is no number of seconds`);
  return { thresholds: [...hard, ...soft, ...allocatable], maxPodGraceSeconds, transitionMs: durationMs(flags.evictionPressureTransitionPeriod ?? defaultTransition, 'eviction-pressure-transition-period') };
}

/** In the units of the reading. */
export function unitsOf(amount: Amount, { capacity }: Reading): number {
  return 'units' in amount ? amount.units : Math.floor(capacity * amount.fraction);
}

/** Of hard thresholds, which nodes keep back from what they promise: allocatable is without it. */
export function keptBack({ thresholds }: EvictionPolicy, signal: Signal, capacity: number): number {
  const amounts = thresholds.filter((one) => one.isHard && one.signal === signal).map(({ value }) => unitsOf(value, { available: 0, capacity }));
  return Math.max(0, ...amounts);
}

function statements(text: string, flag: string): (readonly [Signal, Amount])[] {
  return parts(text).flatMap((part): (readonly [Signal, Amount])[] => {
    const [name = '', value, more] = part.split('<');
    if (value === undefined || more !== undefined) throw new Error(`--${flag}: ${JSON.stringify(part)} is no threshold; write it like memory.available<100Mi`);
    const units = amount(value, flag, false);
    return units === undefined ? [] : [[known(name, flag), units]];
  });
}

function assignments<T>(text: string | undefined, flag: string, read: (value: string, flag: string) => T): Map<Signal, T> {
  return new Map(parts(text ?? '').map((part) => {
    const [name = '', value, more] = part.split('=');
    if (value === undefined || more !== undefined) throw new Error(`--${flag}: ${JSON.stringify(part)} must be of the form SIGNAL=VALUE`);
    return [known(name, flag), read(value.trim(), flag)];
  }));
}

function parts(text: string): string[] {
  return text.split(',').map((part) => part.trim()).filter(Boolean);
}

function known(name: string, flag: string): Signal {
  const signal = signals.find((one) => one === name.trim() && one !== 'allocatableMemory.available');
  if (!signal) throw new Error(`--${flag}: unsupported eviction signal ${name.trim()}`);
  return signal;
}

/** Undefined: switched off, as with 0% and 100%. */
function amount(text: string, flag: string, mayBeNone: boolean): Amount | undefined {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text.trim())?.[1];
  if (percent !== undefined) {
    const fraction = Number(percent) / 100;
    if (!mayBeNone && (fraction === 0 || fraction === 1)) return undefined;
    if (fraction > 1 || (mayBeNone && fraction === 0)) throw new Error(`--${flag}: ${JSON.stringify(text)} is no share`);
    return { fraction };
  }
  const quantity = parseQuantity(text.trim());
  if (!quantity || quantity.nano < 0n || (quantity.nano === 0n && !mayBeNone)) throw new Error(`--${flag}: ${JSON.stringify(text)} must be a positive amount, or a percentage`);
  return { units: quantityToNumber(quantity) };
}

function durationMs(text: string, flag: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new Error(`--${flag}: ${JSON.stringify(text)} is no duration; write it like 1m30s`);
  return ms;
}
