// Which Pod goes first when a node is short of something: by Kubernetes' ranks. Pure.
import { podRequests } from '../../api/kinds/pod/resources.ts';
import type { Pod } from '../../api/types.ts';
import type { ScarceResource } from './signals.ts';

/** How much of the scarce resource a Pod uses, and each of its containers where that is known. */
export interface Use {
  readonly total: number;
  readonly containers: ReadonlyMap<string, number>;
}

export interface Candidate {
  readonly pod: Pod;
  /** Undefined: nobody knows. Such a Pod goes first. */
  readonly use: Use | undefined;
}

const systemCritical = 2_000_000_000;

/** Never evicted for what the node lacks. */
export function isCritical({ metadata, spec }: Pod): boolean {
  const annotations = metadata.annotations ?? {};
  const source = annotations['kubernetes.io/config.source'];
  return (spec.priority ?? 0) >= systemCritical || annotations['kubernetes.io/config.mirror'] !== undefined || (source !== undefined && source !== 'api');
}

/**
 * Memory and disk: those above their requests, then the less important, then those most above their requests.
 * Processes: the less important, then those that have most.
 */
export function ranked<C extends Candidate>(candidates: readonly C[], resource: ScarceResource): C[] {
  const request = ({ pod }: Candidate) => podRequests(pod)[resource] ?? 0;
  const excess = (one: Candidate) => one.use!.total - request(one);
  const byPriority = (a: Candidate, b: Candidate) => (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0);
  return candidates.toSorted((a, b) => {
    const unknown = Number(b.use === undefined) - Number(a.use === undefined);
    if (resource === 'pids') return byPriority(a, b) || unknown || (a.use ? b.use!.total - a.use.total : 0);
    if (unknown !== 0 || !a.use) return unknown || byPriority(a, b);
    return Number(excess(b) > 0) - Number(excess(a) > 0) || byPriority(a, b) || excess(b) - excess(a);
  });
}
