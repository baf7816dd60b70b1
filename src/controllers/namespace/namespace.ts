// Empties a Namespace that is being deleted, Pods first so that what they use outlives them, then takes away the
// finalizer that holds it.
import { isReason } from '../../api/error.ts';
import { events as eventResource } from '../../api/kinds/event.ts';
import type { Resource } from '../../api/kind.ts';
import { kinds } from '../../api/kinds/index.ts';
import { namespaces as namespaceResource } from '../../api/kinds/namespace.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { isBeingDeleted, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { KubeObject, Namespace } from '../../api/types.ts';
import { describe } from '../../base/log.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { endingConditions, type Remaining } from './conditions.ts';

const finalizer = 'kubernetes';
/** Events that stay because of a finalizer are looked for that often. */
const lookAgainMs = 5_000;
const isEvents = ({ kind }: Pick<Resource, 'kind'>) => kind === eventResource.kind;
const isPods = ({ group, plural }: Resource) => group === '' && plural === podResource.plural;

export function createNamespaceController(deps: ControllerDeps): Runnable {
  const { client, clock, informers, customInformers, aggregated } = deps;
  const namespaces = informers.of(namespaceResource);
  const namespaced = kinds.filter((kind) => kind.namespaced);
  const others = namespaced.filter((kind) => !isPods(kind));
  // Events are many, and there is nothing that they would wait for when they are deleted: nobody need hold them all.
  const contents = namespaced.filter((kind) => !isEvents(kind)).map((kind) => informers.of(kind));

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const namespace = namespaces.get(key);
    if (!namespace || !isBeingDeleted(namespace) || !namespace.spec.finalizers?.includes(finalizer)) return 'await-change';
    let remaining: readonly Remaining[] = [];
    let failure: unknown;
    try {
      remaining = await empty(kinds.filter(isPods), key.name, signal);
      if (remaining.length === 0) remaining = await empty([...others, ...customInformers.all().filter((resource) => resource.namespaced)], key.name, signal);
    } catch (error) {
      failure = error;
    }
    // What a server that cannot be reached has in it would be left without its namespace.
    const unknown = aggregated.failing;
    await writeStatus(namespace, remaining, failure, unknown, signal);
    if (failure !== undefined) throw failure;
    if (remaining.length === 0 && unknown.length === 0) await release(namespace, signal);
    return remaining.some(({ resource }) => isEvents(resource)) ? { afterMs: lookAgainMs } : 'await-change';
  }

  /** Gives what is left: objects that wait for their grace or their finalizers. */
  async function empty(of: readonly Resource[], namespace: string, signal: AbortSignal): Promise<readonly Remaining[]> {
    const remaining = await Promise.all(
      of.map(async (resource): Promise<Remaining> => {
        const before = await client.list(resource, { namespace }, signal);
        if (before.items.length === 0) return { resource, objects: [] };
        await deleteAll(resource, namespace, before.items, signal);
        return { resource, objects: (await client.list(resource, { namespace }, signal)).items };
      }),
    );
    return remaining.filter(({ objects }) => objects.length > 0);
  }

  /** Not every server behind this one can do it at once. */
  async function deleteAll(resource: Resource, namespace: string, objects: readonly KubeObject[], signal: AbortSignal): Promise<void> {
    const options = { propagationPolicy: 'Background' } as const;
    try {
      await client.deleteCollection(resource, { namespace }, options, signal);
    } catch (error) {
      if (!isReason(error, 'MethodNotAllowed')) throw error;
      await Promise.all(objects.map(({ metadata: { name } }) => client.delete(resource, { namespace, name }, options, signal)));
    }
  }

  async function writeStatus(namespace: Namespace, remaining: readonly Remaining[], failure: unknown, unknown: readonly string[], signal: AbortSignal): Promise<void> {
    const conditions = endingConditions(namespace.status.conditions, remaining, failure === undefined ? undefined : describe(failure), unknown, clock.wallMs());
    if (sameJson(conditions, namespace.status.conditions)) return;
    const body = { metadata: { uid: namespace.metadata.uid }, status: { phase: 'Terminating', conditions } };
    await client.patch(namespaceResource, { namespace: '', name: namespace.metadata.name }, { type: 'merge', subresource: 'status', body }, signal);
  }

  async function release({ metadata }: Namespace, signal: AbortSignal): Promise<void> {
    try {
      const now = await client.get(namespaceResource, { namespace: '', name: metadata.name }, signal);
      if (now.metadata.uid !== metadata.uid) return;
      await client.update(namespaceResource, { ...now, spec: { ...now.spec, finalizers: now.spec.finalizers?.filter((name) => name !== finalizer) } }, signal, 'finalize');
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  /** The namespace that something has gone from, if it waits for that. */
  function emptied(before: KubeObject | undefined, after: KubeObject | undefined): ObjectKey[] {
    const name = before && !after ? (before.metadata.namespace ?? '') : '';
    const namespace = name ? namespaces.get({ namespace: '', name }) : undefined;
    return namespace && isBeingDeleted(namespace) ? [{ namespace: '', name }] : [];
  }

  return createController(
    {
      name: 'namespace-controller',
      triggers: [
        trigger(namespaces, itself),
        ...contents.map((content) =>
          trigger(content, emptied),
        ),
        {
          synced: customInformers.synced,
          start: (enqueue) =>
            customInformers.onChange((_, before, after) => {
              for (const key of emptied(before, after)) enqueue(key);
            }),
        },
        {
          synced: Promise.resolve(),
          start: (enqueue) =>
            aggregated.onChange(() => {
              for (const { metadata } of namespaces.list().filter(isBeingDeleted)) enqueue({ namespace: '', name: metadata.name });
            }),
        },
      ],
      reconcile,
    },
    deps,
  );
}
