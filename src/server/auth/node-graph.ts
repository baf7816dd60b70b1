// Which objects are a node's concern: the Pods bound to it, what those refer to, and what names the node itself.
//
// Kept as objects are written: a Pod adds its references once, when it is bound, and takes them away when it is gone.
import { persistentVolumes, pods } from '../../api/kinds/index.ts';
import { resourceSlices } from '../../api/kinds/device-class.ts';
import { volumeAttachments } from '../../api/kinds/volume-attachment.ts';
import { claimNameOf, localNodeOf } from '../../api/storage/claims.ts';
import type { PersistentVolume, Pod } from '../../api/types.ts';
import type { Cache } from '../watch/cache.ts';
import { follow } from './follow-roles.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

interface Known {
  readonly node: string;
  readonly references: readonly string[];
  /** What may still be added to a bound Pod, as one text. */
  readonly later: string;
}

export class NodeGraph {
  /** By `secrets/NAMESPACE/NAME`, then by node: how many of its Pods refer to it. */
  readonly #counts = new Map<string, Map<string, number>>();
  /** By the Pod's UID. */
  readonly #pods = new Map<string, Known>();
  /** By the volume's name: the claim that it is bound to, as a reference, and the node of which it is a directory. */
  readonly #volumes = new Map<string, { readonly claim: string | undefined; readonly node: string | undefined }>();

  put(pod: Pod): void {
    const node = pod.spec.nodeName;
    if (!node) return;
    const later = laterOf(pod);
    // Most writes of a Pod cost no more than this.
    if (this.#pods.get(pod.metadata.uid)?.later === later) return;
    this.remove(pod);
    const references = referencesOf(pod);
    this.#pods.set(pod.metadata.uid, { node, references, later });
    for (const reference of references) this.relate(reference, node);
  }

  remove({ metadata: { uid } }: Pod): void {
    const before = this.#pods.get(uid);
    if (!before) return;
    this.#pods.delete(uid);
    for (const reference of before.references) this.unrelate(reference, before.node);
  }

  relate(reference: string, node: string | undefined): void {
    if (!node) return;
    const byNode = this.#counts.get(reference) ?? new Map<string, number>();
    byNode.set(node, (byNode.get(node) ?? 0) + 1);
    this.#counts.set(reference, byNode);
  }

  unrelate(reference: string, node: string | undefined): void {
    const byNode = this.#counts.get(reference);
    const left = node === undefined ? undefined : byNode?.get(node);
    if (!byNode || !node || left === undefined) return;
    if (left > 1) byNode.set(node, left - 1);
    else byNode.delete(node);
    if (byNode.size === 0) this.#counts.delete(reference);
  }

  putVolume(volume: PersistentVolume): void {
    const { name: claim, namespace = '' } = volume.spec.claimRef ?? {};
    this.#volumes.set(volume.metadata.name, { claim: claim && referenceTo('persistentvolumeclaims', namespace, claim), node: localNodeOf(volume) });
  }

  removeVolume({ metadata }: PersistentVolume): void {
    this.#volumes.delete(metadata.name);
  }

  isRelated(node: string, plural: string, namespace: string, name: string): boolean {
    if (plural !== 'persistentvolumes') return this.#counts.get(referenceTo(plural, namespace, name))?.has(node) === true;
    const volume = this.#volumes.get(name);
    return volume !== undefined && (volume.node === node || (volume.claim !== undefined && this.#counts.get(volume.claim)?.has(node) === true));
  }

  /** Whether a bound Pod of that name is there at all. */
  hasPod(namespace: string, name: string): boolean {
    return this.#counts.has(referenceTo('pods', namespace, name));
  }
}

export function followNodes(cache: Cache, graph: NodeGraph): void {
  follow(cache, pods, (pod) => graph.put(pod), (pod) => graph.remove(pod));
  follow(cache, persistentVolumes, (volume) => graph.putVolume(volume), (volume) => graph.removeVolume(volume));
  // Whose node these are is settled when they are made.
  const once = new Set<string>();
  const named = (plural: string, name: string, node: string | undefined, isThere: boolean) => {
    const reference = referenceTo(plural, '', name);
    if (isThere === once.has(reference)) return;
    if (isThere) once.add(reference);
    else once.delete(reference);
    if (isThere) graph.relate(reference, node);
    else graph.unrelate(reference, node);
  };
  follow(cache, volumeAttachments, ({ metadata, spec }) => named('volumeattachments', metadata.name, spec.nodeName, true), ({ metadata, spec }) => named('volumeattachments', metadata.name, spec.nodeName, false));
  follow(cache, resourceSlices, ({ metadata, spec }) => named('resourceslices', metadata.name, spec.nodeName, true), ({ metadata, spec }) => named('resourceslices', metadata.name, spec.nodeName, false));
}

const referenceTo = (plural: string, namespace: string, name: string): string => `${plural}/${namespace}/${name}`;

function laterOf({ spec, status }: Pod): string {
  const claims = status?.resourceClaimStatuses?.map(({ resourceClaimName = '' }) => resourceClaimName) ?? [];
  return `${spec.ephemeralContainers?.length ?? 0} ${claims.join(' ')}`;
}

/** Each once. */
function referencesOf(pod: Pod): string[] {
  const { metadata, spec, status } = pod;
  const { namespace = '' } = metadata;
  const found = new Set<string>();
  const add = (plural: string, name: string | undefined) => name && found.add(referenceTo(plural, namespace, name));
  add('pods', metadata.name);
  // A node makes mirror Pods itself: they must not open anything to it.
  if (metadata.annotations?.[mirrorAnnotation] !== undefined) return [...found];
  for (const volume of spec.volumes ?? []) {
    add('secrets', volume.secret?.secretName);
    add('configmaps', volume.configMap?.name);
    add('persistentvolumeclaims', claimNameOf(pod, volume));
    for (const source of volume.projected?.sources ?? []) {
      add('secrets', source.secret?.name);
      add('configmaps', source.configMap?.name);
    }
  }
  for (const { env, envFrom } of [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]) {
    for (const { secretRef, configMapRef } of envFrom ?? []) {
      add('secrets', secretRef?.name);
      add('configmaps', configMapRef?.name);
    }
    for (const { valueFrom } of env ?? []) {
      add('secrets', valueFrom?.secretKeyRef?.name);
      add('configmaps', valueFrom?.configMapKeyRef?.name);
    }
  }
  for (const { name } of spec.imagePullSecrets ?? []) add('secrets', name);
  for (const { resourceClaimName } of spec.resourceClaims ?? []) add('resourceclaims', resourceClaimName);
  for (const { resourceClaimName } of status?.resourceClaimStatuses ?? []) add('resourceclaims', resourceClaimName);
  add('serviceaccounts', spec.serviceAccountName);
  return [...found];
}
