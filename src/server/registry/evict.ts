// `POST pods/NAME/eviction`: a delete that asks first whether the Pod may go. No kind says yet that one may not (there are no
// PodDisruptionBudgets), so what is left is the delete with its options, and the condition that tells why the Pod went.
import { ApiError } from '../../api/error.ts';
import type { Subresource } from '../../api/kind.ts';
import { draftOf, withCondition } from '../../api/meta.ts';
import type { DeleteOptions } from '../../api/request.ts';
import type { KubeObject, Pod, PodCondition } from '../../api/types.ts';
import { exclusively, put } from './commit.ts';
import { checkPreconditions, deleteOptions, end, isDryRun } from './delete.ts';
import { receiveAs } from './receive.ts';
import { admit, get, mutate, open, type Answer, type Registry, type WriteRequest } from './registry.ts';
import { shapeOf, success } from './subresource.ts';

interface Eviction extends KubeObject {
  deleteOptions?: DeleteOptions;
}

export async function evict(registry: Registry, request: WriteRequest, subresource: Subresource<KubeObject>): Promise<Answer> {
  const { kind, namespace, name, user } = request;
  const { draft, warnings } = receiveAs(shapeOf(subresource), inThisVersion(request.body), request.options.fieldValidation);
  const eviction = draft as Eviction;
  if (eviction.metadata.name && eviction.metadata.name !== name) throw ApiError.badRequest('name in URL does not match name in Eviction object');
  const options = deleteOptions({ value: eviction.deleteOptions });
  const deletion: WriteRequest = { ...request, subresource: undefined, options: { ...request.options, dryRun: isDryRun(request, options) } };
  get(registry, kind, namespace, name);
  const admission = { kind, verb: 'create', subresource: request.subresource, namespace, name, draft, user, dryRun: isDryRun(request, options) } as const;
  await mutate(registry, admission);
  await admit(registry, admission);
  const marked = deletion.options.dryRun ? options : await markDisrupted(registry, deletion, options);
  await end(registry, deletion, marked);
  return { type: 'object', code: 201, object: success, warnings };
}

/** Gives the options to delete with: a revision that was insisted on has become the one that this writes. */
async function markDisrupted(registry: Registry, { kind, namespace, name }: WriteRequest, options: DeleteOptions): Promise<DeleteOptions> {
  return exclusively(registry, kind, namespace, name, async () => {
    const before = open(registry, kind, namespace, name);
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
