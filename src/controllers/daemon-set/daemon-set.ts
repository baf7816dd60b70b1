// Keeps one Pod of a DaemonSet on every node that it may be on.
import { isReason } from '../../api/error.ts';
import { controllerRevisions } from '../../api/kinds/controller-revision.ts';
import { daemonSets as setResource } from '../../api/kinds/daemon-set.ts';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { controllerOf, isBeingDeleted, isPodFinished, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import { labelSelectorOf } from '../../api/selectors.ts';
import type { ControllerRevision, DaemonSet, Node, Pod } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import { Expectations } from '../../control/expectations.ts';
import { claimObjects } from '../claim-objects.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';
import { slowly } from '../replica-set/replicas.ts';
import { availableAfterMs } from '../replica-set/status.ts';
import { forget, hashOf, inOrder, newRevisionOf, outlived, planRevision, revisionIndexes, writeRevision } from '../revisions.ts';
import { FailedNodes } from './failed-nodes.ts';
import { byNode, planDaemonSet, type DaemonPlan } from './plan.ts';
import { hashLabel, newDaemonPod } from './pods.ts';
import { daemonSetStatus } from './status.ts';

/** Pods made or ended in one look; the rest follows when these have been seen. */
const burst = 250;

export function createDaemonSetController(deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const component = 'daemonset-controller';
  const sets = deps.informers.of(setResource);
  const nodes = deps.informers.of(nodeResource);
  const pods = deps.informers.of(podResource, { indexes: podIndexes });
  const revisions = deps.informers.of(controllerRevisions, { indexes: revisionIndexes });
  const recorder = deps.recorderFor(component);
  const expectations = new Expectations(pods, clock);
  const expectedRevisions = new Expectations(revisions, clock);
  /** Of each set, for its newest generation only. */
  const failures = new Map<string, { readonly generation: number; readonly nodes: FailedNodes }>();
  const say = (set: DaemonSet, type: 'Normal' | 'Warning', reason: string, message: string) => recorder.event(aboutOf(setResource, set), type, reason, message);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const set = sets.get(key);
    if (!set) {
      expectations.forget(keyText(key));
      expectedRevisions.forget(keyText(key));
      failures.delete(keyText(key));
      return 'await-change';
    }
    if (labelSelectorOf(set.spec.selector).isEmpty) {
      say(set, 'Warning', 'SelectingAll', 'This daemon set is selecting all pods. A non-empty selector is required.');
      return 'await-change';
    }
    await expectations.settle(keyText(key), () => client.list(podResource, { namespace: key.namespace, labelSelector: labelSelectorOf(set.spec.selector).toString() }, signal));
    // Revisions are numbered by those that there are.
    if (!expectedRevisions.met(keyText(key))) return 'await-change';
    // Before the Pods are looked at: what is seen meanwhile would be taken for counted.
    const expected = expectations.met(keyText(key));
    const mine = await claimed(set, signal);
    const { all, current, collisions } = await historyOf(set, signal);
    const hash = hashOf(current);
    const placed = byNode(set, nodes.list(), mine.filter((pod) => !(isBeingDeleted(pod) && isPodFinished(pod))));
    let waitMs: number | undefined;
    let failure: unknown;
    if (expected) {
      const plan = planDaemonSet(set, placed, hash, clock.wallMs());
      const { waiting, afterMs } = failuresOf(set).admit(plan.failed, clock.monotonicMs());
      waitMs = afterMs;
      failure = await carryOut(set, plan, waiting, hash, signal).then(() => undefined, (error: unknown) => error);
    }
    const nowMs = clock.wallMs();
    const status = daemonSetStatus(set, placed.nodes, hash, collisions, nowMs);
    if (!sameJson(status, set.status)) await client.updateStatus(setResource, { ...set, status }, signal);
    if (failure) throw failure;
    await forgetRevisions(set, all, current, mine, signal);
    const afterMs = Math.min(waitMs ?? Infinity, availableAfterMs(set, mine, nowMs) ?? Infinity);
    return afterMs === Infinity ? 'await-change' : { afterMs };
  }

  function failuresOf(set: DaemonSet): FailedNodes {
    const key = keyText(keyOf(set));
    const generation = set.metadata.generation ?? 0;
    let entry = failures.get(key);
    if (entry?.generation !== generation) failures.set(key, (entry = { generation, nodes: new FailedNodes() }));
    return entry.nodes;
  }

  async function claimed(set: DaemonSet, signal: AbortSignal): Promise<readonly Pod[]> {
    const { namespace = '', uid } = set.metadata;
    const candidates = { managed: pods.by('controller', uid), orphans: pods.by('orphan', namespace) };
    return claimObjects(client, podResource, setResource, set, labelSelectorOf(set.spec.selector), candidates, signal);
  }

  async function historyOf(set: DaemonSet, signal: AbortSignal): Promise<{ all: readonly ControllerRevision[]; current: ControllerRevision; collisions: number }> {
    const { namespace = '', uid } = set.metadata;
    const candidates = { managed: revisions.by('controller', uid), orphans: revisions.by('orphan', namespace) };
    const all = inOrder(await claimObjects(client, controllerRevisions, setResource, set, labelSelectorOf(set.spec.selector), candidates, signal));
    const { revision: current, collisions } = await writeRevision(client, setResource, set, planRevision(set.spec.template, all), set.status?.collisionCount ?? 0, signal);
    expectedRevisions.created(keyText(keyOf(set)), current);
    return { all, current, collisions };
  }

  async function forgetRevisions(set: DaemonSet, all: readonly ControllerRevision[], current: ControllerRevision, mine: readonly Pod[], signal: AbortSignal): Promise<void> {
    const hashes = new Set(mine.map(({ metadata }) => metadata.labels?.[hashLabel]));
    const live = new Set([current, ...all.filter((revision) => hashes.has(hashOf(revision)))].map(({ metadata }) => metadata.name));
    await forget(client, outlived(all, live, set.spec.revisionHistoryLimit ?? 10), signal);
  }

  async function carryOut(set: DaemonSet, plan: DaemonPlan, waiting: ReadonlySet<Pod>, hash: string, signal: AbortSignal): Promise<void> {
    for (const { pod, node } of plan.failed) if (!waiting.has(pod)) say(set, 'Warning', 'FailedDaemonPod', `Found failed daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${node}, will try to kill it`);
    const ends = plan.delete.filter((pod) => !waiting.has(pod)).slice(0, burst);
    const creates = plan.create.slice(0, burst);
    await Promise.all(ends.map((pod) => endPod(set, pod, signal)));
    let next = 0;
    await slowly(creates.length, () => createPod(set, hash, creates[next++]!, signal));
  }

  async function createPod(set: DaemonSet, hash: string, node: string, signal: AbortSignal): Promise<void> {
    try {
      const made = await client.create(podResource, newDaemonPod(set, hash, node), signal);
      expectations.created(keyText(keyOf(set)), made);
      say(set, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
    } catch (error) {
      // Nothing can be made in a namespace that ends; its end takes the set too.
      const ending = isReason(error, 'Forbidden') && error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating');
      if (ending || signal.aborted) return;
      expectations.failed(keyText(keyOf(set)), error);
      say(set, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
      throw error;
    }
  }

  async function endPod(set: DaemonSet, pod: Pod, signal: AbortSignal): Promise<void> {
    const { name, uid } = pod.metadata;
    try {
      await client.delete(podResource, keyOf(pod), { preconditions: { uid } }, signal);
      say(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      if (!isReason(error, 'NotFound')) {
        if (!signal.aborted && !isReason(error, 'Conflict')) say(set, 'Warning', 'FailedDelete', `Error deleting: ${(error as Error).message}`);
        throw error;
      }
    }
    expectations.deleted(keyText(keyOf(set)), pod);
  }

  function* setsOf(before: Pod | undefined, after: Pod | undefined): Generator<ObjectKey> {
    for (const pod of [before, after]) {
      const controller = pod && controllerOf(pod);
      if (controller?.kind === 'DaemonSet') yield { namespace: pod!.metadata.namespace ?? '', name: controller.name };
    }
    if (!after || controllerOf(after) || isBeingDeleted(after)) return;
    for (const set of sets.list(after.metadata.namespace)) {
      if (labelSelectorOf(set.spec.selector).matches(after.metadata.labels)) yield keyOf(set);
    }
  }

  /** A node's heartbeat concerns nobody. */
  function* setsOfNode(before: Node | undefined, after: Node | undefined): Generator<ObjectKey> {
    if (before && after && sameJson(before.metadata.labels, after.metadata.labels) && sameJson(before.spec.taints, after.spec.taints)) return;
    for (const set of sets.list()) yield keyOf(set);
  }

  const triggers = [trigger(sets, itself), trigger(pods, setsOf), trigger(nodes, setsOfNode), trigger(revisions, newRevisionOf('DaemonSet'))];
  return createController({ name: component, triggers, reconcile, workers: 2 }, deps);
}
