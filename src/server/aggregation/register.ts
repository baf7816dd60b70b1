// Each version of a group that this server serves has an APIService that says so: those of its own kinds are put right at the
// start, those of CustomResourceDefinitions come and go with them. As upstream: see kube-aggregator's autoregister.
import { priorityOf, isBuiltInGroup } from '../../api/discovery/priorities.ts';
import { isReason } from '../../api/error.ts';
import type { Kind, UserInfo } from '../../api/kind.ts';
import { apiServices, automanagedLabel } from '../../api/kinds/api-service.ts';
import { draftOf, sameJson } from '../../api/meta.ts';
import type { APIService } from '../../api/types.ts';
import type { Log } from '../../base/log.ts';
import { create } from '../registry/create.ts';
import { deleteOne } from '../registry/delete.ts';
import type { Registry, WriteRequest } from '../registry/registry.ts';
import { update } from '../registry/update.ts';
import type { ServedKinds } from '../served-kinds.ts';

const apiServer: UserInfo = Object.freeze({ username: 'system:apiserver', groups: Object.freeze(['system:masters', 'system:authenticated']) });
type Spec = APIService['spec'];

/** What there should be, by name. `isCustom`: a definition's. */
interface Wanted {
  readonly spec: Spec;
  readonly label: 'onstart' | 'true' | undefined;
}

/** Resolves once all are there; those of custom kinds are followed from then on. */
export async function registerApiServices(registry: Registry, served: ServedKinds, log: Log): Promise<void> {
  const { cache } = registry;
  if (!cache.has(apiServices)) return;
  const own = wantedOf(served.all);
  await Promise.all([...own].map(([name, wanted]) => putRight(registry, name, wanted)));
  await removeOthers(registry, own);
  let turn = Promise.resolve();
  served.onChange(() => {
    turn = turn.then(() => follow(registry, wantedOf(served.all))).catch((error: unknown) => log.error('APIServices cannot be kept', { error }));
  });
}

/** Those that someone else has put in the place of a custom kind's stay, unless they carry the label. */
async function follow(registry: Registry, wanted: ReadonlyMap<string, Wanted>): Promise<void> {
  const custom = [...wanted].filter(([, { label }]) => label === 'true');
  await Promise.all(custom.map(([name, one]) => putRight(registry, name, one)));
  await removeOthers(registry, wanted);
}

async function removeOthers(registry: Registry, wanted: ReadonlyMap<string, Wanted>): Promise<void> {
  const gone = registry.cache.list<APIService>(apiServices).filter(({ metadata }) => metadata.labels?.[automanagedLabel] === 'true' && wanted.get(metadata.name)?.label !== 'true');
  await Promise.all(gone.map(({ metadata: { name } }) => deleteOne(registry, requestOf(name, {})).catch(unlessGone)));
}

async function putRight(registry: Registry, name: string, { spec, label }: Wanted): Promise<void> {
  const present = registry.cache.get<APIService>(apiServices, { namespace: '', name });
  if (!present) {
    const labels = label ? { labels: { [automanagedLabel]: label } } : {};
    await create(registry, requestOf('', { metadata: { name, ...labels }, spec: { ...spec } })).catch((error: unknown) => {
      if (!isReason(error, 'AlreadyExists')) throw error;
    });
    return;
  }
  if (!present.metadata.labels?.[automanagedLabel] || sameJson(present.spec, spec)) return;
  const draft = draftOf(present);
  draft.spec = { ...spec };
  await update(registry, requestOf(name, draft)).catch(unlessGone);
}

function unlessGone(error: unknown): void {
  if (!isReason(error, 'NotFound')) throw error;
}

function wantedOf(kinds: readonly Kind[]): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const kind of kinds) {
    // Upstream's aggregator has no APIService of its own.
    if (kind.group === apiServices.group) continue;
    const { group, version } = priorityOf(kind);
    const spec: Spec = { ...(kind.group ? { group: kind.group } : {}), version: kind.version, groupPriorityMinimum: group, versionPriority: version };
    // What another server usually serves (metrics.k8s.io) is anyone's to take over.
    const label = kind.custom ? 'true' : isBuiltInGroup(kind.group) ? 'onstart' : undefined;
    wanted.set(`${kind.version}.${kind.group}`, { spec, label });
  }
  return wanted;
}

function requestOf(name: string, value: object): WriteRequest {
  return { kind: apiServices as unknown as Kind, namespace: '', name, subresource: undefined, options: {}, body: { value, isOwn: true, duplicates: [] }, patchType: undefined, user: apiServer, warnings: [] };
}
