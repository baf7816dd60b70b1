// `POST pods/NAME/eviction`: a delete that first asks the Pod's disruption budget whether it may go, and tells why it went.
//
//              finished, ending, or never ran        ──▶ delete
//   eviction ──no budget, or one disruption is taken ──▶ delete
//              not ready, and the budget allows that ──▶ delete, if it is still so
//              the budget allows none                ──▶ 429
import { ApiError, isReason } from '../../api/error.ts';
import type { Subresource } from '../../api/kind.ts';
import { draftOf, isBeingDeleted, isPodFinished, withCondition } from '../../api/meta.ts';
import type { DeleteOptions } from '../../api/request.ts';
import type { KubeObject, Pod, PodCondition } from '../../api/types.ts';
import { exclusively, put } from './commit.ts';
import { checkPreconditions, deleteOptions, end, isDryRun } from './delete.ts';
import { leaveFor, stillProcessed } from './disruption-budgets.ts';
import { receiveAs } from './receive.ts';
import { admit, get, mutate, type Answer, type Registry, type WriteRequest } from './registry.ts';
import { shapeOf, success } from './subresource.ts';

interface Eviction extends KubeObject {
  deleteOptions?: DeleteOptions;
}

/** So often a Pod that changes between the look at it and its end is looked at again. */
const attempts = 20;

export async function evict(registry: Registry, request: WriteRequest, subresource: Subresource<KubeObject>): Promise<Answer> {
  const { kind, namespace, name, user } = request;
  const { draft, warnings } = receiveAs(shapeOf(subresource), inThisVersion(request.body), request.options.fieldValidation);
  const eviction = draft as Eviction;
  if (eviction.metadata.name && eviction.metadata.name !== name) throw ApiError.badRequest('name in URL does not match name in Eviction object');
  const options = deleteOptions({ value: eviction.deleteOptions });
  const dryRun = isDryRun(request, options);
  const before = get(registry, kind, namespace, name).object;
  const admission = { kind, verb: 'create', subresource: request.subresource, namespace, name, draft, before, user, dryRun, annotate: request.annotate, waited: request.waited } as const;
  await mutate(registry, admission);
  await admit(registry, admission);
  await endWithLeave(registry, { ...request, subresource: undefined, options: { ...request.options, dryRun } }, options);
  return { type: 'object', code: 201, object: success, warnings };
}

async function endWithLeave(registry: Registry, deletion: WriteRequest, options: DeleteOptions): Promise<void> {
  const { kind, namespace, name } = deletion;
  const dryRun = deletion.options.dryRun === true;
  for (let attempt = 1; ; attempt++) {
    const pod = get(registry, kind, namespace, name).object as Pod;
    // One that never ran may have become ready meanwhile, and is then the budget's affair.
    const leave = needsNoLeave(pod) ? undefined : await leaveFor(registry, pod, dryRun);
    const mustBeSame = !options.preconditions?.resourceVersion && (leave ? leave.type === 'while-unready' : pod.status.phase === 'Pending' && !isBeingDeleted(pod));
    const guarded = mustBeSame ? { ...options, preconditions: { ...options.preconditions, resourceVersion: pod.metadata.resourceVersion } } : options;
    try {
      await end(registry, deletion, dryRun ? guarded : await markDisrupted(registry, deletion, guarded));
      return;
    } catch (error) {
      if (!mustBeSame || !isReason(error, 'Conflict')) throw error;
      if (leave?.type === 'while-unready') throw stillProcessed(leave.budget);
      if (attempt === attempts) throw error;
    }
  }
}

/** It has been disrupted already, or there is nothing to disrupt. */
function needsNoLeave(pod: Pod): boolean {
  return isPodFinished(pod) || pod.status.phase === 'Pending' || isBeingDeleted(pod);
}

/** Gives the options to delete with: a revision that was insisted on has become the one that this writes. */
async function markDisrupted(registry: Registry, { kind, namespace, name }: WriteRequest, options: DeleteOptions): Promise<DeleteOptions> {
  return exclusively(registry, kind, namespace, name, async () => {
    const before = get(registry, kind, namespace, name).opened();
    checkPreconditions(kind, before, options);
    const { status, metadata } = before.object as Pod;
    const disrupted: PodCondition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting', observedGeneration: metadata.generation };
    const conditions = withCondition(status.conditions, disrupted, registry.clock.wallMs());
    if (conditions === status.conditions) return options;
    const pod = draftOf(before.object) as Pod;
    pod.status.conditions = draftOf([...conditions]);
    const { revision } = await put(registry, kind, before, pod, false);
    const { preconditions } = options;
    return preconditions?.resourceVersion ? { ...options, preconditions: { ...preconditions, resourceVersion: String(revision) } } : options;
  });
}

/** Clients of before Kubernetes 1.22 send the same under the name of v1beta1. */
function inThisVersion(body: WriteRequest['body']): WriteRequest['body'] {
  const { value } = body;
  if (typeof value !== 'object' || value === null || (value as Partial<KubeObject>).apiVersion !== 'policy/v1beta1') return body;
  return { ...body, value: { ...value, apiVersion: 'policy/v1' } };
}
