// Which objects are a node's concern: what the Pods bound to it refer to. As upstream's node authorizer, a node may read a Secret,
// a ConfigMap or a ServiceAccount only while a Pod of its own names it.
//
// Kept as Pods are written: a Pod adds its references once, when it is bound, and takes them away when it is gone.
import { pods } from '../../api/kinds/index.ts';
import type { Pod } from '../../api/types.ts';
import type { Cache } from '../watch/cache.ts';
import type { ResourceAccess } from './access.ts';
import { follow } from './follow-roles.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const userPrefix = 'system:node:';
const reads: ReadonlySet<string> = new Set(['get', 'list', 'watch']);
const concerns: ReadonlySet<string> = new Set(['secrets', 'configmaps', 'serviceaccounts']);

export class NodeGraph {
  /** By `secrets/NAMESPACE/NAME`, then by node: how many of its Pods refer to it. */
  readonly #counts = new Map<string, Map<string, number>>();
  /** By the Pod's UID. */
  readonly #pods = new Map<string, { readonly node: string; readonly references: readonly string[]; readonly ephemeral: number }>();

  put(pod: Pod): void {
    const node = pod.spec.nodeName;
    const { uid, annotations } = pod.metadata;
    // A node makes mirror Pods itself: they must not open anything to it.
    if (!node || annotations?.[mirrorAnnotation] !== undefined) return;
    const ephemeral = pod.spec.ephemeralContainers?.length ?? 0;
    // Only ephemeral containers can add any later: most writes of a Pod cost no more than this.
    if (this.#pods.get(uid)?.ephemeral === ephemeral) return;
    this.remove(pod);
    const references = referencesOf(pod);
    this.#pods.set(uid, { node, references, ephemeral });
    for (const reference of references) {
      const byNode = this.#counts.get(reference) ?? new Map<string, number>();
      byNode.set(node, (byNode.get(node) ?? 0) + 1);
      this.#counts.set(reference, byNode);
    }
  }

  remove({ metadata: { uid } }: Pod): void {
    const before = this.#pods.get(uid);
    if (!before) return;
    this.#pods.delete(uid);
    for (const reference of before.references) {
      const byNode = this.#counts.get(reference)!;
      const left = byNode.get(before.node)! - 1;
      if (left > 0) byNode.set(before.node, left);
      else byNode.delete(before.node);
      if (byNode.size === 0) this.#counts.delete(reference);
    }
  }

  /** Undefined: it is nothing that Pods decide on. Else what is wrong, or '' for nothing. */
  refusal({ user, verb, resource, subresource, namespace, name }: ResourceAccess): string | undefined {
    if (resource.group !== '' || subresource || !concerns.has(resource.plural) || !user.username.startsWith(userPrefix) || !user.groups.includes('system:nodes')) return undefined;
    if (!reads.has(verb)) return undefined;
    const node = user.username.slice(userPrefix.length);
    if (!name) return `No Object name found`;
    if (this.#counts.get(`${resource.plural}/${namespace ?? ''}/${name}`)?.has(node)) return '';
    return `no relationship found between node '${node}' and this object`;
  }
}

export function followPods(cache: Cache, graph: NodeGraph): void {
  follow(cache, pods, (pod) => graph.put(pod), (pod) => graph.remove(pod));
}

/** Each once. */
function referencesOf({ metadata: { namespace = '' }, spec }: Pod): string[] {
  const found = new Set<string>();
  const add = (plural: string, name: string | undefined) => name && found.add(`${plural}/${namespace}/${name}`);
  for (const { secret, configMap, projected } of spec.volumes ?? []) {
    add('secrets', secret?.secretName);
    add('configmaps', configMap?.name);
    for (const source of projected?.sources ?? []) {
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
  add('serviceaccounts', spec.serviceAccountName);
  return [...found];
}
