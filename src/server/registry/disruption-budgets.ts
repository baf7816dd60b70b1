// What an eviction asks of the PodDisruptionBudgets: whether the Pod may go, and if it costs one of the disruptions that are
// allowed, that one is taken at once, so that the next eviction sees one less before the controller has counted again.
import { formatTime } from '../../base/clock.ts';
import { ApiError } from '../../api/error.ts';
import { podDisruptionBudgets, withDisruptionAllowed } from '../../api/kinds/pod-disruption-budget.ts';
import { draftOf, isPodReady } from '../../api/meta.ts';
import { labelSelectorOf } from '../../api/selectors.ts';
import type { Pod, PodDisruptionBudget } from '../../api/types.ts';
import { exclusively, put } from './commit.ts';
import { get, type Registry } from './registry.ts';

export type Leave =
  | { readonly type: 'free' }
  /** One disruption less is allowed now. */
  | { readonly type: 'taken' }
  /** It is not ready, so it does not count; it may go only as long as it stays so. */
  | { readonly type: 'while-unready'; readonly budget: string };

/** So many evictions may wait to be seen by the controller. */
const mostDisrupted = 2000;

/** Throws ApiError TooManyRequests when the Pod must stay. */
export async function leaveFor(registry: Registry, pod: Pod, dryRun: boolean): Promise<Leave> {
  const budgets = budgetsOf(registry, pod);
  if (budgets.length > 1) throw new ApiError(500, '', 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
  const budget = budgets[0];
  if (!budget) return { type: 'free' };
  const { name, namespace = '' } = budget.metadata;
  if (!isPodReady(pod) && mayGoUnready(budget)) return { type: 'while-unready', budget: name };
  await exclusively(registry, podDisruptionBudgets as never, namespace, name, async () => {
    const before = get(registry, podDisruptionBudgets as never, namespace, name).opened();
    const now = before.object as PodDisruptionBudget;
    checkAllowed(now);
    if (dryRun) return;
    const draft = draftOf(now);
    draft.status.disruptionsAllowed--;
    draft.status.disruptedPods = { ...draft.status.disruptedPods, [pod.metadata.name]: formatTime(registry.clock.wallMs()) };
    if (draft.status.disruptionsAllowed === 0) draft.status = withDisruptionAllowed(draft.status, registry.clock.wallMs());
    await put(registry, podDisruptionBudgets as never, before, draft, false);
  });
  return { type: 'taken' };
}

/** A selector without any requirement is of all Pods of the namespace; none at all is of no Pod. */
function budgetsOf(registry: Registry, { metadata }: Pod): readonly PodDisruptionBudget[] {
  return registry.cache.list(podDisruptionBudgets, metadata.namespace).filter(({ spec }) => labelSelectorOf(spec.selector).matches(metadata.labels));
}

function mayGoUnready({ spec, status }: PodDisruptionBudget): boolean {
  return spec.unhealthyPodEvictionPolicy === 'AlwaysAllow' || (status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0);
}

function checkAllowed({ metadata, status }: PodDisruptionBudget): void {
  const { name, generation = 0 } = metadata;
  const refuse = (why: string) => ApiError.forbidden({ group: 'policy', plural: 'poddisruptionbudget' }, name, why);
  if ((status.observedGeneration ?? 0) < generation) throw stillProcessed(name);
  if (status.disruptionsAllowed < 0) throw refuse('pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > mostDisrupted) {
    throw refuse('DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  }
  if (status.disruptionsAllowed === 0) throw mustStay(`The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`);
}

/** The controller has not counted yet: soon it will have. */
export function stillProcessed(name: string): ApiError {
  return mustStay(`The disruption budget ${name} is still being processed by the server.`, 10);
}

function mustStay(message: string, retryAfterSeconds?: number): ApiError {
  const details = { ...(retryAfterSeconds ? { retryAfterSeconds } : {}), causes: [{ reason: 'DisruptionBudget', message }] };
  return new ApiError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", details);
}
