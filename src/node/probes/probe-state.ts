// What a probe has found so far, and what one more finding makes of it. Pure.
//
//            successThreshold in a row            failureThreshold in a row
//   unknown ───────────────────────────▶ success ◀────────────────────────▶ failure
import type { Probe } from '../../api/types.ts';
import type { ActionResult } from '../actions/action.ts';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export interface ProbeState {
  readonly verdict: 'unknown' | 'success' | 'failure';
  /** How often the last outcome came in a row. */
  readonly run: number;
  readonly last: 'success' | 'failure' | undefined;
}

/** Until it has been asked, a container counts as alive and as not ready. */
export function initialState(kind: ProbeKind): ProbeState {
  return { verdict: kind === 'liveness' ? 'success' : kind === 'readiness' ? 'failure' : 'unknown', run: 0, last: undefined };
}

/** An action that could not be done says nothing. */
export function afterProbe(state: ProbeState, outcome: ActionResult['outcome'], probe: Probe): ProbeState {
  if (outcome === 'unknown') return state;
  const run = state.last === outcome ? state.run + 1 : 1;
  const needed = outcome === 'success' ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  return { verdict: run >= needed ? outcome : state.verdict, run, last: outcome };
}

/**
 * One asking. Periodic ones keep the probe's documented times. Early ones come between them, only until the first success,
 * so that a container is ready as soon as it can be: when such a one fails, nothing is counted and nothing is told.
 */
export interface Asking {
  readonly type: 'periodic' | 'early';
  /** Monotonic. */
  readonly atMs: number;
  /** Of the periodic asking that this is, or that follows. */
  readonly periodicAtMs: number;
  /** Before the next early one; Infinity: there are no more. */
  readonly gapMs: number;
}

const firstGapMs = 25;

/** A container that does not look alive is never asked early. */
export function firstAsking(kind: ProbeKind, atMs: number): Asking {
  return { type: 'periodic', atMs, periodicAtMs: atMs, gapMs: kind === 'liveness' ? Infinity : firstGapMs };
}

/**
 * The gaps between early askings double, and leave at least as much time as the last asking took. They end with the first
 * that is no shorter than the period, and so are few however long the container takes.
 */
export function nextAsking(asked: Asking, outcome: ActionResult['outcome'], beganMs: number, nowMs: number, periodMs: number): Asking {
  const gapMs = outcome === 'success' || asked.gapMs >= periodMs ? Infinity : asked.gapMs;
  const periodicAtMs = Math.max(nowMs, asked.type === 'early' && outcome !== 'success' ? asked.periodicAtMs : beganMs + periodMs);
  const earlyAtMs = nowMs + Math.max(gapMs, nowMs - beganMs);
  if (earlyAtMs < periodicAtMs) return { type: 'early', atMs: earlyAtMs, periodicAtMs, gapMs: gapMs * 2 };
  return { type: 'periodic', atMs: periodicAtMs, periodicAtMs, gapMs };
}

/** How long until the first asking. */
export function firstProbeDelayMs(probe: Probe, startedAtMs: number, nowMs: number): number {
  return Math.max(0, startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000 - nowMs);
}
