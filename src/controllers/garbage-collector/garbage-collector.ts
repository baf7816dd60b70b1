// Deletes objects whose owners are gone, and sees to deletions in the foreground and to orphans.
import { isReason } from '../../api/error.ts';
import type { Resource } from '../../api/kind.ts';
import { kinds } from '../../api/kinds/index.ts';
import { isBeingDeleted } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { KubeObject, OwnerReference } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf } from '../../client/client.ts';
import { createController, trigger, type Next, type Trigger } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { OwnerGraph, type GraphNode } from './graph.ts';
import { foreground, isWaiting, orphan, verdictOn, type OwnerState } from './verdict.ts';

/** Events are many, own nothing and are owned by nobody. */
const watched = kinds.filter(({ kind }) => kind !== 'Event');
/** Owners found to be gone are remembered, the latest of them, so that a thousand dependents ask but once. */
const mostGone = 500;

export function createGarbageCollector(deps: ControllerDeps): Runnable {
  const { client, informers, customInformers } = deps;
  const graph = new OwnerGraph();
  const gone = new Set<string>();

  async function reconcile({ name: uid }: ObjectKey, signal: AbortSignal): Promise<Next> {
    const node = graph.get(uid);
    if (!node) return 'await-change';
    const { resource, object } = node;
    const references = isBeingDeleted(object) ? [] : (object.metadata.ownerReferences ?? []);
    const owners = await Promise.all(references.map(async (reference) => ({ reference, state: await stateOf(reference, object, signal) })));
    const verdict = verdictOn(object, owners, graph.dependentsOf(uid));
    switch (verdict.type) {
      case 'keep':
        break;
      case 'delete':
        await unlessGone(client.delete(resource, keyOf(object), { propagationPolicy: verdict.policy, preconditions: { uid } }, signal));
        break;
      case 'forget-owners':
        await forgetOwners(node, verdict.uids, signal);
        break;
      case 'orphan-dependents':
        await Promise.all(graph.dependentsOf(uid).map((dependent) => forgetOwners(dependent, new Set([uid]), signal)));
        await removeFinalizer(node, orphan, signal);
        break;
      case 'delete-dependents':
        await Promise.all(graph.dependentsOf(uid).map((dependent) => reconcile({ namespace: '', name: dependent.object.metadata.uid }, signal)));
        if (verdict.isFree) await removeFinalizer(node, foreground, signal);
        break;
    }
    return 'await-change';
  }

  async function stateOf(reference: OwnerReference, dependent: KubeObject, signal: AbortSignal): Promise<OwnerState> {
    const owner = graph.get(reference.uid);
    if (owner) return isWaiting(owner.object) ? 'waiting' : 'there';
    if (gone.has(reference.uid)) return 'gone';
    // The informers of two kinds are not in step: only the API knows that it is really gone.
    const resource = resourceOf(reference, customInformers);
    if (!resource || (resource.namespaced && !dependent.metadata.namespace)) return 'there';
    try {
      const found = await client.get(resource, { namespace: resource.namespaced ? (dependent.metadata.namespace ?? '') : '', name: reference.name }, signal);
      if (found.metadata.uid === reference.uid) return isWaiting(found) ? 'waiting' : 'there';
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    if (gone.size >= mostGone) gone.delete(gone.values().next().value!);
    gone.add(reference.uid);
    return 'gone';
  }

  async function forgetOwners({ resource, object }: GraphNode, uids: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { uid, resourceVersion, ownerReferences = [] } = object.metadata;
    const body = { metadata: { uid, resourceVersion, ownerReferences: ownerReferences.filter((reference) => !uids.has(reference.uid)) } };
    await unlessGone(client.patch(resource, keyOf(object), { type: 'merge', body }, signal));
  }

  async function removeFinalizer({ resource, object }: GraphNode, finalizer: string, signal: AbortSignal): Promise<void> {
    const { uid, resourceVersion, finalizers = [] } = object.metadata;
    const body = { metadata: { uid, resourceVersion, finalizers: finalizers.filter((name) => name !== finalizer) } };
    await unlessGone(client.patch(resource, keyOf(object), { type: 'merge', body }, signal));
  }

  /** Keeps the graph, and says which objects have to be looked at: few changes concern anyone. */
  function* changed(resource: Resource, before: KubeObject | undefined, after: KubeObject | undefined): Generator<ObjectKey> {
    if (before && before.metadata.uid !== after?.metadata.uid) {
      graph.remove(before);
      for (const { object } of graph.dependentsOf(before.metadata.uid)) yield keyFor(object);
      for (const { uid } of before.metadata.ownerReferences ?? []) {
        const owner = graph.get(uid);
        if (owner && isWaiting(owner.object)) yield keyFor(owner.object);
      }
    }
    if (!after) return;
    graph.put(resource, before, after);
    const { ownerReferences, finalizers } = after.metadata;
    if (isBeingDeleted(after) ? finalizers?.some((name) => name === foreground || name === orphan) : ownerReferences?.some(({ uid }) => !isSolid(uid))) yield keyFor(after);
    for (const { uid } of before?.metadata.ownerReferences ?? []) {
      const owner = graph.get(uid);
      if (owner && isWaiting(owner.object)) yield keyFor(owner.object);
    }
  }

  function isSolid(uid: string): boolean {
    const owner = graph.get(uid);
    return owner !== undefined && !isWaiting(owner.object);
  }

  const ofCustomKinds: Trigger = {
    synced: customInformers.synced,
    start: (enqueue) =>
      customInformers.onChange((resource, before, after) => {
        for (const key of changed(resource, before, after)) enqueue(key);
      }),
  };

  return createController(
    { name: 'garbage-collector', triggers: [...watched.map((kind) => trigger(informers.of(kind), (before, after) => changed(kind, before, after))), ofCustomKinds], reconcile, workers: 20 },
    deps,
  );
}

/** Objects are looked at by UID. */
function keyFor({ metadata }: KubeObject): ObjectKey {
  return { namespace: '', name: metadata.uid };
}

/** Undefined for kinds that are not served here: such owners are taken to be there. */
function resourceOf({ apiVersion, kind }: OwnerReference, custom: ControllerDeps['customInformers']): Resource | undefined {
  const slash = apiVersion.indexOf('/');
  const group = apiVersion.slice(0, Math.max(slash, 0));
  return kinds.find((other) => other.kind === kind && other.group === group) ?? custom.find(group, kind);
}

async function unlessGone(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
