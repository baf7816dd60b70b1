// Accepts the names of a CustomResourceDefinition, with which it is served; and when it is deleted, deletes its objects
// before it lets it go.
import { resourceOf } from '../../api/custom/definition.ts';
import { isReason } from '../../api/error.ts';
import { cleanupFinalizer, customResourceDefinitions } from '../../api/kinds/custom-resource-definition.ts';
import { isBeingDeleted, sameJson, withCondition, type Condition } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { CustomResourceDefinition } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { conditionsFor, transientConditions } from './conditions.ts';
import { acceptNames } from './names.ts';

export function createCustomResourceDefinitionController(deps: ControllerDeps): Runnable {
  const { client, clock, informers, customInformers } = deps;
  const definitions = informers.of(customResourceDefinitions);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    // From the API: the names that the last look has given away may not have come to the informer yet.
    const all = (await client.list(customResourceDefinitions, {}, signal)).items;
    const definition = all.find(({ metadata }) => metadata.name === key.name);
    if (!definition) return 'await-change';
    if (isBeingDeleted(definition)) {
      if (definition.metadata.finalizers?.includes(cleanupFinalizer)) await cleanUp(definition, signal);
    } else await accept(definition, all, signal);
    return 'await-change';
  }

  async function accept(definition: CustomResourceDefinition, all: readonly CustomResourceDefinition[], signal: AbortSignal): Promise<void> {
    const verdict = acceptNames(definition, all);
    const before = (definition.status.conditions ?? []) as Condition[];
    const now = conditionsFor(definition, verdict);
    const stays = ({ type }: Condition) => !transientConditions.includes(type) || now.some((condition) => condition.type === type);
    const conditions = now.reduce<readonly Condition[]>((list, condition) => withCondition(list, condition, clock.wallMs()), before.every(stays) ? before : before.filter(stays));
    if (conditions === before && sameJson(verdict.accepted, definition.status.acceptedNames)) return;
    await writeStatus(definition, { acceptedNames: verdict.accepted, conditions }, signal);
  }

  async function cleanUp(definition: CustomResourceDefinition, signal: AbortSignal): Promise<void> {
    const resource = resourceOf(definition);
    if (resource) {
      const marked = await setTerminating(definition, 'True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress', signal);
      const namespaces = async () => new Set((await client.list(resource, {}, signal)).items.map(({ metadata }) => metadata.namespace ?? ''));
      const before = await namespaces();
      await Promise.all([...before].map((namespace) => client.deleteCollection(resource, { namespace }, {}, signal)));
      if (before.size > 0 && (await namespaces()).size > 0) return; // their finalizers hold them; each that goes brings us back
      definition = await setTerminating(marked, 'False', 'InstanceDeletionCompleted', 'removed all instances', signal);
    }
    const { uid, resourceVersion, finalizers = [] } = definition.metadata;
    const body = { metadata: { uid, resourceVersion, finalizers: finalizers.filter((name) => name !== cleanupFinalizer) } };
    try {
      await client.patch(customResourceDefinitions, { namespace: '', name: definition.metadata.name }, { type: 'merge', body }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  async function setTerminating(definition: CustomResourceDefinition, status: string, reason: string, message: string, signal: AbortSignal): Promise<CustomResourceDefinition> {
    const before = (definition.status.conditions ?? []) as Condition[];
    const conditions = withCondition(before, { type: 'Terminating', status, reason, message }, clock.wallMs());
    return conditions === before ? definition : writeStatus(definition, { conditions }, signal);
  }

  function writeStatus(definition: CustomResourceDefinition, status: object, signal: AbortSignal): Promise<CustomResourceDefinition> {
    return client.updateStatus(customResourceDefinitions, { ...definition, status: { ...definition.status, ...status } } as CustomResourceDefinition, signal);
  }

  /** A change of one may free a name that another waits for. */
  function* concerned(before: CustomResourceDefinition | undefined, after: CustomResourceDefinition | undefined): Generator<ObjectKey> {
    const { metadata, spec } = (after ?? before)!;
    yield { namespace: '', name: metadata.name };
    if (after && sameJson(before?.status.acceptedNames, after.status.acceptedNames)) return;
    for (const other of definitions.list()) if (other.spec.group === spec.group && other.metadata.name !== metadata.name) yield { namespace: '', name: other.metadata.name };
  }

  return createController(
    {
      name: 'custom-resource-definition',
      triggers: [
        trigger(definitions, concerned),
        {
          synced: Promise.resolve(),
          start: (enqueue) =>
            customInformers.onChange((resource, _, after) => {
              const name = `${resource.plural}.${resource.group}`;
              const definition = after ? undefined : definitions.get({ namespace: '', name });
              if (definition && isBeingDeleted(definition)) enqueue({ namespace: '', name });
            }),
        },
      ],
      reconcile,
      workers: 1, // two at once might give one name to both
    },
    deps,
  );
}
