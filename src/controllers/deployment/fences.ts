// How far a rolling update may go above and below the wanted number of Pods.
import type { Deployment } from '../../api/types.ts';

export interface Fences {
  /** So many more Pods than wanted may be there. */
  readonly maxSurge: number;
  /** So many fewer available Pods than wanted are borne. */
  readonly maxUnavailable: number;
}

/** Shares of surge are rounded up, shares of unavailability down; were both 0 nothing could ever move. */
export function fencesOf({ spec }: Deployment): Fences {
  if (spec.strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const wanted = spec.replicas ?? 1;
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy?.rollingUpdate ?? {};
  const surge = resolve(maxSurge, wanted, Math.ceil);
  const unavailable = Math.min(resolve(maxUnavailable, wanted, Math.floor), wanted);
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

function resolve(value: unknown, of: number, round: (value: number) => number): number {
  return typeof value === 'string' && value.endsWith('%') ? round((Number(value.slice(0, -1)) * of) / 100) : Number(value);
}
