// Keeps the status of each PodDisruptionBudget, from which evictions read whether a Pod may go.
import { isReason } from '../../api/error.ts';
import { podDisruptionBudgets as budgetResource } from '../../api/kinds/pod-disruption-budget.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { controllerOf, isBeingDeleted, isPodReady, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import { labelSelectorOf, type LabelMatcher } from '../../api/selectors.ts';
import type { Pod, PodDisruptionBudget } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf } from '../../client/client.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { countBudget, failedStatus, needsScale, type Counted } from './plan.ts';
import { scalesOf } from './scales.ts';

export function createDisruptionController(deps: ControllerDeps): Runnable {
  const { client, clock, informers } = deps;
  const budgets = informers.of(budgetResource);
  const pods = informers.of(podResource);
  const recorder = deps.recorderFor('controllermanager');

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const budget = budgets.get(key);
    if (!budget) return 'await-change';
    const about = aboutOf(budgetResource, budget);
    const counted = await count(budget, signal).catch((error: unknown): Counted => {
      if (signal.aborted || isReason(error, 'Conflict')) throw error;
      const message = error instanceof Error ? error.message : String(error);
      recorder.event(about, 'Warning', 'CalculateExpectedPodCountFailed', `Failed to calculate the number of expected pods: ${message}`);
      return { status: failedStatus(budget, message, clock.wallMs()), lookAgainAfterMs: undefined, stuck: [] };
    });
    for (const pod of counted.stuck) {
      recorder.event(aboutOf(podResource, pod), 'Warning', 'NotDeleted', `Pod was expected by PDB ${key.namespace}/${key.name} to be deleted but it wasn't`);
    }
    // Insists on the revision that was read: an eviction may have been granted meanwhile.
    if (!sameJson(counted.status, budget.status)) await client.updateStatus(budgetResource, { ...budget, status: counted.status }, signal);
    return counted.lookAgainAfterMs === undefined ? 'await-change' : { afterMs: counted.lookAgainAfterMs };
  }

  async function count(budget: PodDisruptionBudget, signal: AbortSignal): Promise<Counted> {
    const about = aboutOf(budgetResource, budget);
    const selector = selectorOf(budget);
    const mine = pods.list(budget.metadata.namespace ?? '').filter(({ metadata }) => selector.matches(metadata.labels));
    if (mine.length === 0) recorder.event(about, 'Normal', 'NoPods', 'No matching pods found');
    const scales = needsScale(budget) ? await scalesOf(mine, deps, signal) : undefined;
    if (scales?.unmanaged.length) recorder.event(about, 'Warning', 'UnmanagedPods', unmanagedMessage(selector));
    return countBudget(budget, mine, scales?.sum ?? 0, clock.wallMs());
  }

  function* budgetsOf(before: Pod | undefined, after: Pod | undefined): Generator<ObjectKey> {
    const near = budgets.list((after ?? before)!.metadata.namespace ?? '');
    if (near.length === 0 || (before && after && countsTheSame(before, after))) return;
    const concerned = near.filter((budget) => {
      const selector = selectorOf(budget);
      return (before && selector.matches(before.metadata.labels)) || (after && selector.matches(after.metadata.labels));
    });
    if (concerned.length > 1 && after && !before) {
      const { namespace, name } = after.metadata;
      const message = `Pod ${JSON.stringify(namespace)}/${JSON.stringify(name)} matches multiple PodDisruptionBudgets.  Chose ${JSON.stringify(concerned[0]!.metadata.name)} arbitrarily.`;
      recorder.event(aboutOf(podResource, after), 'Warning', 'MultiplePodDisruptionBudgets', message);
    }
    yield* concerned.map(keyOf);
  }

  return createController({ name: 'disruption', triggers: [trigger(budgets, itself), trigger(pods, budgetsOf)], reconcile, workers: 2 }, deps);
}

function unmanagedMessage(selector: LabelMatcher): string {
  return `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
}

function countsTheSame(before: Pod, after: Pod): boolean {
  return (
    before.metadata.uid === after.metadata.uid &&
    isPodReady(before) === isPodReady(after) &&
    isBeingDeleted(before) === isBeingDeleted(after) &&
    controllerOf(before)?.uid === controllerOf(after)?.uid &&
    sameJson(before.metadata.labels, after.metadata.labels)
  );
}

function selectorOf(budget: PodDisruptionBudget): LabelMatcher {
  let selector = selectors.get(budget);
  if (!selector) selectors.set(budget, (selector = labelSelectorOf(budget.spec.selector)));
  return selector;
}

const selectors = new WeakMap<PodDisruptionBudget, LabelMatcher>();
