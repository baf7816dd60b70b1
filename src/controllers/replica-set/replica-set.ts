// Keeps as many Pods as a ReplicaSet or ReplicationController asks for. A Pod that ends no longer counts from the
// moment its deletionTimestamp is seen, so its replacement does not wait for its grace.
import { isReason } from '../../api/error.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { controllerOf, controllerReference, isBeingDeleted, isPodActive, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Pod } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import { Expectations } from '../../control/expectations.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';
import { adoptionPatch, claim, releasePatch } from './claim.ts';
import { selectorOf, type OwnerKind, type ReplicaOwner } from './owner.ts';
import { podFromTemplate, slowly } from './replicas.ts';
import { availableAfterMs, ownerStatus, type ReplicaFailure } from './status.ts';
import { chooseVictims } from './victims.ts';

/** Pods made or ended in one look; the rest follows when these have been seen. */
const burst = 500;

export function createReplicaController<T extends ReplicaOwner>({ resource, component }: OwnerKind<T>, deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const owners = deps.informers.of<T>(resource, { indexes: { family: familyOf } });
  const pods = deps.informers.of(podResource, { indexes: podIndexes });
  const recorder = deps.recorderFor(component);
  const expectations = new Expectations(pods, clock);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const owner = owners.get(key);
    if (!owner) {
      expectations.forget(keyText(key));
      return 'await-change';
    }
    await expectations.settle(keyText(key), () => client.list(podResource, { namespace: key.namespace, labelSelector: selectorOf(owner).toString() }, signal));
    // Before the Pods are looked at: what is seen meanwhile would be taken for counted.
    const expected = expectations.met(keyText(key));
    const mine = await claimed(owner, signal);
    const failure = expected && !isBeingDeleted(owner) ? await manage(owner, mine.filter(isPodActive), signal) : undefined;
    const nowMs = clock.wallMs();
    const status = ownerStatus(owner, mine, failure?.said, nowMs);
    if (!sameJson(status, owner.status)) await client.updateStatus<T>(resource, { ...owner, status }, signal);
    if (failure) throw failure.error;
    const afterMs = availableAfterMs(owner, mine, nowMs);
    return afterMs === undefined ? 'await-change' : { afterMs };
  }

  async function claimed(owner: T, signal: AbortSignal): Promise<readonly Pod[]> {
    const { namespace = '', uid } = owner.metadata;
    const { owned, adopt, release } = claim(owner, selectorOf(owner), pods.by('controller', uid), pods.by('orphan', namespace));
    if (adopt.length > 0 && (await isStill(owner, signal))) {
      await Promise.all(adopt.map((pod) => setOwners(pod, adoptionPatch(pod, controllerReference(owner, resource)), signal)));
    }
    await Promise.all(release.map((pod) => setOwners(pod, releasePatch(pod), signal)));
    return [...owned, ...adopt];
  }

  /** An owner that was deleted meanwhile must not adopt what its successor will. */
  async function isStill(owner: T, signal: AbortSignal): Promise<boolean> {
    const now = await client.get<T>(resource, keyOf(owner), signal);
    return now.metadata.uid === owner.metadata.uid && !isBeingDeleted(now);
  }

  async function setOwners(pod: Pod, body: object, signal: AbortSignal): Promise<void> {
    try {
      await client.patch(podResource, keyOf(pod), { type: 'merge', body }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  async function manage(owner: T, active: readonly Pod[], signal: AbortSignal): Promise<{ said: ReplicaFailure; error: unknown } | undefined> {
    const missing = (owner.spec.replicas ?? 1) - active.length;
    if (missing === 0) return undefined;
    try {
      if (missing > 0) await slowly(Math.min(missing, burst), () => createPod(owner, signal));
      else await endPods(owner, chooseVictims(active, relatives(owner), Math.min(-missing, burst), clock.wallMs()), signal);
      return undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { said: { reason: missing > 0 ? 'FailedCreate' : 'FailedDelete', message }, error };
    }
  }

  async function createPod(owner: T, signal: AbortSignal): Promise<void> {
    try {
      const made = await client.create(podResource, podFromTemplate(owner, controllerReference(owner, resource)), signal);
      expectations.created(keyText(keyOf(owner)), made);
      recorder.event(aboutOf(resource, owner), 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
    } catch (error) {
      // Nothing can be made in a namespace that ends; its end takes the owner too.
      const ending = isReason(error, 'Forbidden') && error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating');
      if (ending || signal.aborted) return;
      expectations.failed(keyText(keyOf(owner)), error);
      recorder.event(aboutOf(resource, owner), 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
      throw error;
    }
  }

  async function endPods(owner: T, victims: readonly Pod[], signal: AbortSignal): Promise<void> {
    const endings = await Promise.allSettled(victims.map((pod) => endPod(owner, pod, signal)));
    for (const ending of endings) if (ending.status === 'rejected') throw ending.reason;
  }

  async function endPod(owner: T, pod: Pod, signal: AbortSignal): Promise<void> {
    const { name, uid } = pod.metadata;
    try {
      await client.delete(podResource, keyOf(pod), { preconditions: { uid } }, signal);
      recorder.event(aboutOf(resource, owner), 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (error) {
      // A conflict ends nothing: had it been taken for an end, that would be waited for in vain.
      if (!isReason(error, 'NotFound')) {
        if (!signal.aborted && !isReason(error, 'Conflict')) recorder.event(aboutOf(resource, owner), 'Warning', 'FailedDelete', `Error deleting: ${(error as Error).message}`);
        throw error;
      }
    }
    expectations.deleted(keyText(keyOf(owner)), pod);
  }

  /** Active Pods of all owners with the same controller above them (the ReplicaSets of one Deployment), or just its own. */
  function relatives(owner: T): readonly Pod[] {
    const family = familyOf(owner).flatMap((uid) => owners.by('family', uid));
    return (family.length > 0 ? family : [owner]).flatMap(({ metadata }) => pods.by('controller', metadata.uid).filter(isPodActive));
  }

  /** A managed Pod concerns its manager, before and after; one that nobody manages concerns all who would adopt it. */
  function* ownersOf(before: Pod | undefined, after: Pod | undefined): Generator<ObjectKey> {
    for (const pod of [before, after]) {
      const controller = pod && controllerOf(pod);
      if (controller?.kind === resource.kind) yield { namespace: pod!.metadata.namespace ?? '', name: controller.name };
    }
    if (!after || controllerOf(after) || isBeingDeleted(after)) return;
    for (const owner of owners.list(after.metadata.namespace)) {
      if (selectorOf(owner).matches(after.metadata.labels)) yield keyOf(owner);
    }
  }

  return createController(
    { name: component, triggers: [trigger(owners, itself), trigger(pods, ownersOf)], reconcile, workers: 5 },
    deps,
  );
}

function familyOf(owner: ReplicaOwner): readonly string[] {
  const controller = controllerOf(owner);
  return controller ? [controller.uid] : [];
}
