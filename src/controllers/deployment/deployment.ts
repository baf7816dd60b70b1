// Rolls the Pods of a Deployment from one template to the next, by making ReplicaSets larger and smaller.
import { isReason } from '../../api/error.ts';
import { deployments as deploymentResource } from '../../api/kinds/deployment.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { replicaSets as setResource } from '../../api/kinds/replica-set.ts';
import { controllerOf, controllerReference, isBeingDeleted, isControlledBy, isPodFinished, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import { labelSelectorOf } from '../../api/selectors.ts';
import type { Deployment, New, Pod, ReplicaSet } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf } from '../../client/client.ts';
import { aboutOf } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';
import { adoptionPatch, claim, releasePatch } from '../replica-set/claim.ts';
import { freshSize, isScaled, nextSizes } from './rollout.ts';
import { isActive, makeFresh, renewed, revisionAnnotation, revisionOf, sameTemplate, sizeOf, sortSets, type Sets } from './sets.ts';
import { deadlineAfterMs, deploymentStatus, isComplete, pauseNews, type Said } from './status.ts';

const setIndexes = {
  controller: (set: ReplicaSet) => {
    const owner = controllerOf(set);
    return owner ? [owner.uid] : [];
  },
  orphan: (set: ReplicaSet) => (controllerOf(set) ? [] : [set.metadata.namespace ?? '']),
};
const keepAll = 2 ** 31 - 1;

export function createDeploymentController(deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const component = 'deployment-controller';
  const deployments = deps.informers.of(deploymentResource);
  const replicaSets = deps.informers.of(setResource, { indexes: setIndexes });
  const pods = deps.informers.of(podResource, { indexes: podIndexes });
  const recorder = deps.recorderFor(component);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const deployment = deployments.get(key);
    if (!deployment) return 'await-change';
    const found = sortSets(deployment, await claimed(deployment, signal));
    if (isBeingDeleted(deployment)) return writeStatus(deployment, found, undefined, signal);
    return rollOut(deployment, found, signal);
  }

  async function rollOut(deployment: Deployment, found: Sets, signal: AbortSignal): Promise<Next> {
    const hasOldPods = found.old.some(({ metadata }) => pods.by('controller', metadata.uid).some((pod) => !isPodFinished(pod)));
    let news = pauseNews(deployment);
    let sets: Sets = { ...found, fresh: renewed(deployment, found) };
    if (!sets.fresh && mayCreate(deployment, sets, hasOldPods)) {
      const made = await createFresh(deployment, sets, signal);
      if (made === 'seen-soon') return 'await-change';
      sets = { ...sets, fresh: made };
      news = { status: 'True', reason: 'NewReplicaSetCreated', message: `Created new replica set "${made.metadata.name}"` };
    } else if (sets.fresh && !deployment.status?.conditions?.some(({ type }) => type === 'Progressing')) {
      news ??= { status: 'True', reason: 'FoundNewReplicaSet', message: `Found new replica set "${sets.fresh.metadata.name}"` };
    }
    const next = nextSizes(deployment, sets, hasOldPods);
    const written = await writeSets(deployment, { ...sets, fresh: found.fresh ?? sets.fresh }, next, signal);
    if (written.fresh) await writeRevision(deployment, written.fresh, signal);
    if (isComplete(deployment, deploymentStatus(deployment, written, news, clock.wallMs())) || deployment.spec.paused) await forgetOldest(deployment, written.old, signal);
    return writeStatus(deployment, written, news, signal);
  }

  /** Not while paused or being scaled, nor, when Pods are recreated, before the last old one is gone. */
  function mayCreate(deployment: Deployment, sets: Sets, hasOldPods: boolean): boolean {
    if (deployment.spec.paused || isScaled(deployment, sets)) return false;
    return deployment.spec.strategy?.type !== 'Recreate' || (!hasOldPods && !sets.old.some(isActive));
  }

  async function claimed(deployment: Deployment, signal: AbortSignal): Promise<readonly ReplicaSet[]> {
    const { namespace = '', uid } = deployment.metadata;
    const { owned, adopt, release } = claim(deployment, labelSelectorOf(deployment.spec.selector), replicaSets.by('controller', uid), replicaSets.by('orphan', namespace));
    const adopted = adopt.map((set) => client.patch(setResource, keyOf(set), { type: 'merge', body: adoptionPatch(set, controllerReference(deployment, deploymentResource)) }, signal));
    const released = release.map((set) => client.patch(setResource, keyOf(set), { type: 'merge', body: releasePatch(set) }, signal));
    await Promise.all(released);
    return [...owned, ...(await Promise.all(adopted))];
  }

  async function createFresh(deployment: Deployment, sets: Sets, signal: AbortSignal): Promise<ReplicaSet | 'seen-soon'> {
    const fresh = makeFresh(deployment, sets.old);
    fresh.spec.replicas = freshSize(deployment, 0, sets.old);
    try {
      const made = await client.create(setResource, fresh, signal);
      sayScaled(deployment, made.metadata.name, 0, sizeOf(made));
      return made;
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) return meet(deployment, fresh, signal);
      const message = `Failed to create new replica set "${fresh.metadata.name}": ${(error as Error).message}`;
      await writeStatus(deployment, sets, { status: 'False', reason: 'ReplicaSetCreateError', message }, signal);
      throw error;
    }
  }

  /** The name is taken: by what we made a moment ago and have not seen yet, or by another template with the same hash. */
  async function meet(deployment: Deployment, fresh: New<ReplicaSet>, signal: AbortSignal): Promise<'seen-soon'> {
    const there = await client.get(setResource, { namespace: fresh.metadata.namespace ?? '', name: fresh.metadata.name! }, signal);
    if (isControlledBy(there, deployment) && sameTemplate(there.spec.template, deployment.spec.template)) return 'seen-soon';
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    await client.updateStatus(deploymentResource, { ...deployment, status: { ...deployment.status, collisionCount } }, signal);
    return 'seen-soon';
  }

  /** Writes the sets that differ from what was found, and gives all as they are now. */
  async function writeSets(deployment: Deployment, before: Sets, next: Sets, signal: AbortSignal): Promise<Sets> {
    const write = async (was: ReplicaSet, is: ReplicaSet): Promise<ReplicaSet> => {
      if (was === is) return is;
      const now = await client.update(setResource, is, signal);
      if (sizeOf(was) !== sizeOf(is)) sayScaled(deployment, is.metadata.name, sizeOf(was), sizeOf(is));
      return now;
    };
    const old: ReplicaSet[] = [];
    for (const [index, set] of next.old.entries()) old.push(await write(before.old[index]!, set));
    return { fresh: next.fresh && (await write(before.fresh!, next.fresh)), old };
  }

  async function writeRevision(deployment: Deployment, fresh: ReplicaSet, signal: AbortSignal): Promise<void> {
    const revision = String(revisionOf(fresh));
    if (deployment.metadata.annotations?.[revisionAnnotation] === revision) return;
    await client.patch(deploymentResource, keyOf(deployment), { type: 'merge', body: { metadata: { uid: deployment.metadata.uid, annotations: { [revisionAnnotation]: revision } } } }, signal);
  }

  /** Of the sets that are no longer used, only so many are kept for going back. */
  async function forgetOldest({ spec }: Deployment, old: readonly ReplicaSet[], signal: AbortSignal): Promise<void> {
    const limit = spec.revisionHistoryLimit ?? keepAll;
    if (limit === keepAll) return;
    const candidates = old.filter((set) => !isBeingDeleted(set)).sort((a, b) => revisionOf(a) - revisionOf(b));
    for (const set of candidates.slice(0, Math.max(0, candidates.length - limit))) {
      const { metadata, status } = set;
      if (isActive(set) || status?.replicas || (metadata.generation ?? 0) > (status?.observedGeneration ?? 0)) continue;
      await client.delete(setResource, keyOf(set), { propagationPolicy: 'Background', preconditions: { uid: metadata.uid } }, signal).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error;
      });
    }
  }

  async function writeStatus(deployment: Deployment, sets: Sets, news: Said | undefined, signal: AbortSignal): Promise<Next> {
    const nowMs = clock.wallMs();
    const status = deploymentStatus(deployment, sets, news, nowMs);
    if (!sameJson(status, deployment.status)) {
      // The revision may have been written a moment ago; the status is ours alone, so it is patched and not compared.
      const removed = Object.fromEntries(Object.keys(deployment.status ?? {}).filter((key) => !(key in status)).map((key) => [key, null]));
      await client.patch(deploymentResource, keyOf(deployment), { type: 'merge', subresource: 'status', body: { metadata: { uid: deployment.metadata.uid }, status: { ...removed, ...status } } }, signal);
    }
    const afterMs = deadlineAfterMs(deployment, status, nowMs);
    return afterMs === undefined ? 'await-change' : { afterMs };
  }

  function sayScaled(deployment: Deployment, name: string, from: number, to: number): void {
    if (from === to) return;
    const direction = to > from ? 'up' : 'down';
    recorder.event(aboutOf(deploymentResource, deployment), 'Normal', 'ScalingReplicaSet', `Scaled ${direction} replica set ${name} from ${from} to ${to}`);
  }

  function* ownersOfSet(before: ReplicaSet | undefined, after: ReplicaSet | undefined): Generator<ObjectKey> {
    for (const set of [before, after]) {
      const controller = set && controllerOf(set);
      if (controller?.kind === 'Deployment') yield { namespace: set!.metadata.namespace ?? '', name: controller.name };
    }
    if (!after || controllerOf(after) || isBeingDeleted(after)) return;
    for (const deployment of deployments.list(after.metadata.namespace)) {
      if (labelSelectorOf(deployment.spec.selector).matches(after.metadata.labels)) yield keyOf(deployment);
    }
  }

  /** When Pods are recreated, the end of an old one may be what is waited for. */
  function* ownersOfPod(before: Pod | undefined, after: Pod | undefined): Generator<ObjectKey> {
    const ended = before && (!after || (isPodFinished(after) && !isPodFinished(before)));
    const controller = ended ? controllerOf(before) : undefined;
    if (controller?.kind !== 'ReplicaSet') return;
    const set = replicaSets.get({ namespace: before!.metadata.namespace ?? '', name: controller.name });
    for (const key of set ? ownersOfSet(undefined, set) : []) {
      if (deployments.get(key)?.spec.strategy?.type === 'Recreate') yield key;
    }
  }

  return createController(
    { name: component, triggers: [trigger(deployments, itself), trigger(replicaSets, ownersOfSet), trigger(pods, ownersOfPod)], reconcile, workers: 5 },
    deps,
  );
}
