// Keeps the Pods of a StatefulSet, each with its number.
import { isReason } from '../../api/error.ts';
import { controllerRevisions } from '../../api/kinds/controller-revision.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { statefulSets as setResource } from '../../api/kinds/stateful-set.ts';
import { controllerOf, isBeingDeleted, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import { labelSelectorOf } from '../../api/selectors.ts';
import type { ControllerRevision, Pod, StatefulSet } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import { Expectations } from '../../control/expectations.ts';
import { claimObjects, unlessGone } from '../claim-objects.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';
import { forget, inOrder, newRevisionOf, outlived, planRevision, revisionIndexes, templateOf, writeRevision } from '../revisions.ts';
import { completeClaims, hasTies, tieClaims } from './claims.ts';
import { newPod, ordinalOf, revisionOf } from './identity.ts';
import { availableAfterMs, planStatefulSet, sorted, type Step } from './plan.ts';
import { statefulSetStatus } from './status.ts';

/** Pods made or ended in one look; the rest follows when these have been seen. */
const burst = 500;
/** A claim that goes with an earlier Pod is looked after so often. */
const claimWaitMs = 1_000;

interface History {
  readonly all: readonly ControllerRevision[];
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
  readonly collisions: number;
}

export function createStatefulSetController(deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const component = 'statefulset-controller';
  const sets = deps.informers.of(setResource);
  const pods = deps.informers.of(podResource, { indexes: podIndexes });
  const revisions = deps.informers.of(controllerRevisions, { indexes: revisionIndexes });
  const recorder = deps.recorderFor(component);
  const expectations = new Expectations(pods, clock);
  const expectedRevisions = new Expectations(revisions, clock);
  const say = (set: StatefulSet, type: 'Normal' | 'Warning', reason: string, message: string) => recorder.event(aboutOf(setResource, set), type, reason, message);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const set = sets.get(key);
    if (!set) {
      expectations.forget(keyText(key));
      expectedRevisions.forget(keyText(key));
      return 'await-change';
    }
    // Names are numbers, revisions too: what was made or ended must have been seen before the next is counted.
    if (!expectations.met(keyText(key)) || !expectedRevisions.met(keyText(key))) return 'await-change';
    const mine = await claimed(set, signal);
    const history = await historyOf(set, signal);
    const names = { current: history.current.metadata.name, update: history.update.metadata.name };
    const steps = planStatefulSet(set, mine, names, clock.wallMs());
    const outcome = await carryOut(set, mine, steps, history, signal).catch((error: unknown) => ({ error }));
    await writeStatus(set, mine, names, history.collisions, signal);
    if (outcome && typeof outcome === 'object') throw outcome.error;
    await forget(client, outlived(history.all, new Set([names.current, names.update, ...mine.map(revisionOf)]), set.spec.revisionHistoryLimit ?? 10), signal);
    const afterMs = outcome === 'claim-leaves' ? claimWaitMs : availableAfterMs(set, mine, clock.wallMs());
    return afterMs === undefined ? 'await-change' : { afterMs };
  }

  async function claimed(set: StatefulSet, signal: AbortSignal): Promise<readonly Pod[]> {
    const { namespace = '', uid } = set.metadata;
    const selector = labelSelectorOf(set.spec.selector);
    const orphans = pods.by('orphan', namespace).filter((pod) => ordinalOf(set, pod) >= 0);
    return claimObjects(client, podResource, setResource, set, selector, { managed: pods.by('controller', uid), orphans }, signal);
  }

  async function historyOf(set: StatefulSet, signal: AbortSignal): Promise<History> {
    const { namespace = '', uid } = set.metadata;
    const candidates = { managed: revisions.by('controller', uid), orphans: revisions.by('orphan', namespace) };
    const all = inOrder(await claimObjects(client, controllerRevisions, setResource, set, labelSelectorOf(set.spec.selector), candidates, signal));
    const step = planRevision(set.spec.template, all);
    const { revision: update, collisions } = await writeRevision(client, setResource, set, step, set.status?.collisionCount ?? 0, signal);
    expectedRevisions.created(keyText(keyOf(set)), update);
    const current = all.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update;
    return { all, current, update, collisions };
  }

  async function carryOut(set: StatefulSet, mine: readonly Pod[], steps: readonly Step[], history: History, signal: AbortSignal): Promise<'done' | 'claim-leaves'> {
    let outcome: 'done' | 'claim-leaves' = 'done';
    if (hasTies(set) && !isBeingDeleted(set)) {
      const { wanted, condemned } = sorted(set, mine);
      for (const pod of [...wanted, ...condemned]) if (pod) await tieClaims(client, set, ordinalOf(set, pod), pod, signal);
    }
    for (const step of steps.slice(0, burst)) if ((await take(set, step, history, signal)) === 'claim-leaves') outcome = 'claim-leaves';
    return outcome;
  }

  async function take(set: StatefulSet, step: Step, { current, update }: History, signal: AbortSignal): Promise<'done' | 'claim-leaves'> {
    const sayClaim = (type: 'Normal' | 'Warning', reason: string, message: string) => say(set, type, reason, message);
    switch (step.type) {
      case 'create': {
        if (!(await completeClaims(client, set, step.ordinal, sayClaim, signal))) return 'claim-leaves';
        await createPod(set, step.ordinal, step.revision === 'current' ? current : update, signal);
        return 'done';
      }
      case 'complete-claims':
        return (await completeClaims(client, set, step.ordinal, sayClaim, signal)) ? 'done' : 'claim-leaves';
      case 'label': {
        const { uid } = step.pod.metadata;
        await unlessGone(client.patch(podResource, keyOf(step.pod), { type: 'merge', body: { metadata: { uid, labels: step.labels } } }, signal));
        return 'done';
      }
      case 'delete':
        await endPod(set, step.pod, signal);
        return 'done';
    }
  }

  async function createPod(set: StatefulSet, ordinal: number, revision: ControllerRevision, signal: AbortSignal): Promise<void> {
    const pod = newPod(set, templateOf(revision), revision.metadata.name, ordinal);
    const what = `create Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    try {
      expectations.created(keyText(keyOf(set)), await client.create(podResource, pod, signal));
      say(set, 'Normal', 'SuccessfulCreate', `${what} successful`);
    } catch (error) {
      // Nothing can be made in a namespace that ends; its end takes the set too.
      const ending = isReason(error, 'Forbidden') && error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating');
      if (ending || signal.aborted) return;
      if (!isReason(error, 'AlreadyExists')) say(set, 'Warning', 'FailedCreate', `${what} failed error: ${(error as Error).message}`);
      throw error;
    }
  }

  async function endPod(set: StatefulSet, pod: Pod, signal: AbortSignal): Promise<void> {
    const { name, uid } = pod.metadata;
    const what = `delete Pod ${name} in StatefulSet ${set.metadata.name}`;
    try {
      await client.delete(podResource, keyOf(pod), { preconditions: { uid } }, signal);
      say(set, 'Normal', 'SuccessfulDelete', `${what} successful`);
    } catch (error) {
      if (!isReason(error, 'NotFound')) {
        if (!signal.aborted && !isReason(error, 'Conflict')) say(set, 'Warning', 'FailedDelete', `${what} failed error: ${(error as Error).message}`);
        throw error;
      }
    }
    expectations.deleted(keyText(keyOf(set)), pod);
  }

  async function writeStatus(set: StatefulSet, mine: readonly Pod[], names: { current: string; update: string }, collisions: number, signal: AbortSignal): Promise<void> {
    const status = statefulSetStatus(set, mine, names, collisions, clock.wallMs());
    if (!sameJson(status, set.status)) await client.updateStatus(setResource, { ...set, status }, signal);
  }

  function* setsOf(before: Pod | undefined, after: Pod | undefined): Generator<ObjectKey> {
    for (const pod of [before, after]) {
      const controller = pod && controllerOf(pod);
      if (controller?.kind === 'StatefulSet') yield { namespace: pod!.metadata.namespace ?? '', name: controller.name };
    }
    if (!after || controllerOf(after) || isBeingDeleted(after)) return;
    for (const set of sets.list(after.metadata.namespace)) {
      if (ordinalOf(set, after) >= 0 && labelSelectorOf(set.spec.selector).matches(after.metadata.labels)) yield keyOf(set);
    }
  }

  const triggers = [trigger(sets, itself), trigger(pods, setsOf), trigger(revisions, newRevisionOf('StatefulSet'))];
  return createController({ name: component, triggers, reconcile, workers: 5 }, deps);
}
