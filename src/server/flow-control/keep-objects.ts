// Keeps the default FlowSchemas and PriorityLevelConfigurations as they must be, and tells of FlowSchemas that lead nowhere. Mandatory
// objects are always as they are in the list; suggested ones for as long as they say so in an annotation, or, where they do not say, for as long
// as nobody has changed them. One that was deleted comes back.
import { describe, type Log } from '../../base/log.ts';
import type { Kind, UserInfo } from '../../api/kind.ts';
import { flowSchemas, priorityLevelConfigurations } from '../../api/kinds/flow-control.ts';
import { draftOf, sameJson } from '../../api/meta.ts';
import { defaultLevels, defaultSchemas } from '../../api/kinds/flow-control-defaults.ts';
import type { FlowSchema, KubeObject, PriorityLevelConfiguration } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import { create } from '../registry/create.ts';
import type { Registry, WriteRequest } from '../registry/registry.ts';
import { update } from '../registry/update.ts';

export const autoupdate = 'apf.kubernetes.io/autoupdate-spec';
const apiServer: UserInfo = Object.freeze({ username: 'system:apiserver', groups: Object.freeze(['system:masters', 'system:authenticated']) });
const producer = 'api-priority-and-fairness-config-producer-v1';
const consumer = 'api-priority-and-fairness-config-consumer-v1';

/** A start that is over when all are as they must be; from then on each change of these kinds is looked at, once it is told. */
export async function keepFlowControlObjects(registry: Registry, log: Log): Promise<void> {
  const { cache, clock } = registry;
  if (!cache.has(flowSchemas) || !cache.has(priorityLevelConfigurations)) return;
  let isDue = false;
  let going = Promise.resolve();
  const look = () => {
    if (isDue) return;
    isDue = true;
    // Not within the commit, and once for all that come together.
    clock.schedule(0, () => {
      isDue = false;
      going = going.then(() => keep(registry)).catch((error: unknown) => log.warn('flow control objects could not be kept', { error: describe(error) }));
    });
  };
  await keep(registry);
  for (const kind of [flowSchemas, priorityLevelConfigurations]) {
    cache.of(kind).watch({ selection: { namespace: undefined, name: undefined, filed: undefined, isWhole: true, matches: () => true }, deliver: look }, cache.revision);
  }
}

async function keep(registry: Registry): Promise<void> {
  await Promise.all(defaultLevels.map((one) => keepOne<PriorityLevelConfiguration>(registry, priorityLevelConfigurations, one)));
  await Promise.all(defaultSchemas.map((one) => keepOne<FlowSchema>(registry, flowSchemas, one)));
  await Promise.all(registry.cache.list(flowSchemas).map((schema) => tellDangling(registry, schema)));
}

interface Wanted<T extends KubeObject & { spec: object }> {
  readonly name: string;
  readonly isMandatory: boolean;
  readonly spec: T['spec'];
}

async function keepOne<T extends KubeObject & { spec: object }>(registry: Registry, kind: Kind<T>, { name, isMandatory, spec }: Wanted<T>): Promise<void> {
  const present = registry.cache.get(kind, { namespace: '', name });
  if (!present) return void (await create(registry, requestOf(kind, '', { metadata: { name, annotations: { [autoupdate]: 'true' } }, spec: draftOf(spec) }, producer)));
  if (present.metadata.deletionTimestamp) return;
  const said = present.metadata.annotations?.[autoupdate];
  const isOurs = isMandatory || said === 'true' || (said === undefined && present.metadata.generation === 1);
  const draft = draftOf(present);
  if (isMandatory) draft.metadata.annotations = { ...draft.metadata.annotations, [autoupdate]: 'true' };
  if (isOurs && !(isMandatory && 'exempt' in spec)) draft.spec = draftOf(spec);
  kind.defaults?.(draft);
  if (!sameJson(draft, present)) await update(registry, requestOf(kind, name, draft, producer));
}

/** In upstream's words. */
async function tellDangling(registry: Registry, schema: FlowSchema): Promise<void> {
  const { name } = schema.spec.priorityLevelConfiguration;
  const isThere = registry.cache.get(priorityLevelConfigurations, { namespace: '', name }) !== undefined;
  const reason = isThere ? 'Found' : 'NotFound';
  const message = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)} ${isThere ? 'and it exists' : 'but there is no such object'}`;
  const status = isThere ? 'False' : 'True';
  const { conditions = [] } = schema.status ?? {};
  const told = conditions.find(({ type }) => type === 'Dangling');
  if (told?.status === status && told.reason === reason && told.message === message) return;
  const draft = draftOf(schema);
  const condition = { type: 'Dangling', status, lastTransitionTime: formatTime(registry.clock.wallMs()), reason, message };
  draft.status = { conditions: [...conditions.filter(({ type }) => type !== 'Dangling'), condition] } as FlowSchema['status'];
  await update(registry, { ...requestOf(flowSchemas, schema.metadata.name, draft, consumer), subresource: 'status' });
}

function requestOf<T extends KubeObject>(kind: Kind<T>, name: string, value: object, fieldManager: string): WriteRequest {
  return { kind: kind as unknown as Kind, namespace: '', name, subresource: undefined, options: { fieldManager }, body: { value, isOwn: true, duplicates: [] }, patchType: undefined, user: apiServer, warnings: [] };
}
