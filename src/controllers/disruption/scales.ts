// What the controllers of a set of Pods want, all together.
import { isReason } from '../../api/error.ts';
import { kinds } from '../../api/kinds/index.ts';
import { controllerOf } from '../../api/meta.ts';
import type { Kind, Resource } from '../../api/kind.ts';
import type { KubeObject, OwnerReference, Pod, Scale } from '../../api/types.ts';
import type { Client } from '../../client/client.ts';
import type { CustomInformers } from '../../control/custom-informers.ts';

export interface Scales {
  readonly sum: number;
  /** Names of Pods that nobody manages: they are not in the sum. */
  readonly unmanaged: readonly string[];
}

interface Scalable extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}

interface From {
  readonly client: Client;
  readonly customInformers: CustomInformers;
}

/** Asks for each controller once. Throws when one is not to be found or has no scale. */
export async function scalesOf(pods: readonly Pod[], { client, customInformers }: From, signal: AbortSignal): Promise<Scales> {
  const byUid = new Map<string, number>();
  const asked = new Set<string>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const controller = controllerOf(pod);
    if (!controller) unmanaged.push(pod.metadata.name);
    if (!controller || asked.has(controller.uid)) continue;
    asked.add(controller.uid);
    const found = await scaleOf(controller, pod.metadata.namespace ?? '', client, customInformers, signal);
    if (!found) throw new Error(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`);
    byUid.set(found.uid, found.replicas);
  }
  return { sum: [...byUid.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
}

/** A ReplicaSet of a Deployment counts as that, for several of its ReplicaSets may have Pods at once. */
async function scaleOf(reference: OwnerReference, namespace: string, client: Client, custom: CustomInformers, signal: AbortSignal): Promise<{ uid: string; replicas: number } | undefined> {
  const kind = kindOf(reference);
  if (!kind) return customScaleOf(reference, namespace, client, custom, signal);
  const owner = await getOrNone(kind, { namespace: kind.namespaced ? namespace : '', name: reference.name }, client, signal);
  if (!owner || owner.metadata.uid !== reference.uid) return undefined;
  const above = kind.kind === 'ReplicaSet' ? controllerOf(owner) : undefined;
  if (above?.kind === 'Deployment') return scaleOf(above, namespace, client, custom, signal);
  if (!kind.subresources?.['scale']) throw new Error(`${kind.group ? `${kind.plural}.${kind.group}` : kind.plural} does not implement the scale subresource`);
  return { uid: owner.metadata.uid, replicas: owner.spec?.replicas ?? 1 };
}

/** Where the replicas of a custom object are, only its definition says: its scale is asked for. */
async function customScaleOf(reference: OwnerReference, namespace: string, client: Client, custom: CustomInformers, signal: AbortSignal): Promise<{ uid: string; replicas: number } | undefined> {
  const resource = custom.find(groupOf(reference), reference.kind);
  if (!resource) return undefined;
  const key = { namespace: resource.namespaced ? namespace : '', name: reference.name };
  const owner = await getOrNone(resource, key, client, signal);
  if (!owner || owner.metadata.uid !== reference.uid) return undefined;
  const scale = await client.getSub<Scale>(resource, key, 'scale', signal).catch((error: unknown) => {
    if (isReason(error, 'NotFound')) throw new Error(`${resource.plural}.${resource.group} does not implement the scale subresource`);
    throw error;
  });
  return { uid: owner.metadata.uid, replicas: scale.spec?.replicas ?? 0 };
}

function groupOf({ apiVersion }: OwnerReference): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

function kindOf(reference: OwnerReference): Kind | undefined {
  return kinds.find((one) => one.kind === reference.kind && one.group === groupOf(reference));
}

async function getOrNone(kind: Resource, key: { namespace: string; name: string }, client: Client, signal: AbortSignal): Promise<Scalable | undefined> {
  try {
    return (await client.get(kind, key, signal)) as Scalable;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
