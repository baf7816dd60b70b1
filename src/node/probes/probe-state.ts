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

/** How long until the first asking. */
export function firstProbeDelayMs(probe: Probe, startedAtMs: number, nowMs: number): number {
  return Math.max(0, startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000 - nowMs);
}
