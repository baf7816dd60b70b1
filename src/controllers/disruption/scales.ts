// What the controllers of a set of Pods want, all together.
import { isReason } from '../../api/error.ts';
import { kinds } from '../../api/kinds/index.ts';
import { controllerOf } from '../../api/meta.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject, OwnerReference, Pod } from '../../api/types.ts';
import type { Client } from '../../client/client.ts';

export interface Scales {
  readonly sum: number;
  /** Names of Pods that nobody manages: they are not in the sum. */
  readonly unmanaged: readonly string[];
}

interface Scalable extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}

/** Asks for each controller once. Throws when one is not to be found or has no scale. */
export async function scalesOf(pods: readonly Pod[], client: Client, signal: AbortSignal): Promise<Scales> {
  const byUid = new Map<string, number>();
  const asked = new Set<string>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const controller = controllerOf(pod);
    if (!controller) unmanaged.push(pod.metadata.name);
    if (!controller || asked.has(controller.uid)) continue;
    asked.add(controller.uid);
    const found = await scaleOf(controller, pod.metadata.namespace ?? '', client, signal);
    if (!found) throw new Error(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`);
    byUid.set(found.uid, found.replicas);
  }
  return { sum: [...byUid.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
}

/** A ReplicaSet of a Deployment counts as that, for several of its ReplicaSets may have Pods at once. */
async function scaleOf(reference: OwnerReference, namespace: string, client: Client, signal: AbortSignal): Promise<{ uid: string; replicas: number } | undefined> {
  const kind = kindOf(reference);
  if (!kind) return undefined;
  const owner = await getOrNone(kind, { namespace: kind.namespaced ? namespace : '', name: reference.name }, client, signal);
  if (!owner || owner.metadata.uid !== reference.uid) return undefined;
  const above = kind.kind === 'ReplicaSet' ? controllerOf(owner) : undefined;
  if (above?.kind === 'Deployment') return scaleOf(above, namespace, client, signal);
  if (!kind.subresources?.['scale']) throw new Error(`${kind.group ? `${kind.plural}.${kind.group}` : kind.plural} does not implement the scale subresource`);
  return { uid: owner.metadata.uid, replicas: owner.spec?.replicas ?? 1 };
}

function kindOf({ apiVersion, kind }: OwnerReference): Kind | undefined {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return kinds.find((one) => one.kind === kind && one.group === group);
}

async function getOrNone(kind: Kind, key: { namespace: string; name: string }, client: Client, signal: AbortSignal): Promise<Scalable | undefined> {
  try {
    return (await client.get(kind, key, signal)) as Scalable;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
