// What an object uses of the resources that a ResourceQuota can bound. https://kubernetes.io/docs/concepts/policy/resource-quotas/
import { parseTime } from '../../base/clock.ts';
import type { Resource } from '../kind.ts';
import { podLimits, podRequests, type Amounts } from '../kinds/pod/resources.ts';
import { isPodFinished } from '../meta.ts';
import { addQuantities, formatQuantity, quantity, type Quantity } from '../quantity.ts';
import type { KubeObject, PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../types.ts';
import { claimIsInScopes, podIsInScopes, scopesOf } from './scopes.ts';

/** Amounts by the names that quotas have for them: `requests.cpu`, `pods`, `count/jobs.batch`. */
export type Usage = ReadonlyMap<string, Quantity>;

type Counted = Pick<Resource, 'group' | 'plural'>;

/** Kinds that have an older name beside `count/…`. */
const plainNames: ReadonlySet<string> = new Set(['pods', 'services', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps', 'persistentvolumeclaims']);
const one = quantity('1');

export function countName({ group, plural }: Counted): string {
  return group ? `count/${plural}.${group}` : `count/${plural}`;
}

/** What a quota that has none of an object's resources among its own need not ask. */
export function concerns({ spec }: ResourceQuota, usage: Usage): boolean {
  return Object.keys(spec.hard ?? {}).some((name) => usage.has(name));
}

/** `nowMs`: Pods whose grace has passed are no longer counted. */
export function usageOf(of: Counted, object: KubeObject, nowMs: number): Usage {
  const usage = new Map([[countName(of), one]]);
  if (of.group !== '') return usage;
  if (of.plural === 'pods') addPod(usage, object as Pod, nowMs);
  else if (plainNames.has(of.plural)) usage.set(of.plural, one);
  if (of.plural === 'services') addService(usage, object as Service);
  if (of.plural === 'persistentvolumeclaims') addClaim(usage, object as PersistentVolumeClaim);
  return usage;
}

export function isInScope(quota: ResourceQuota, of: Counted, object: KubeObject): boolean {
  const scopes = scopesOf(quota);
  if (scopes.length === 0) return true;
  if (of.group === '' && of.plural === 'pods') return podIsInScopes(object as Pod, scopes);
  return of.group === '' && of.plural === 'persistentvolumeclaims' && claimIsInScopes(object as PersistentVolumeClaim, scopes);
}

export function sumUsage(usages: Iterable<Usage>): Map<string, Quantity> {
  const sum = new Map<string, Quantity>();
  for (const usage of usages) for (const [name, amount] of usage) sum.set(name, plus(sum.get(name), amount));
  return sum;
}

export function plus(a: Quantity | undefined, b: Quantity): Quantity {
  return a ? addQuantities(a, b) : b;
}

/** `cpu=2,memory=1Gi`, as it stands in refusals. */
export function usageText(usage: Usage): string {
  return [...usage].map(([name, amount]) => `${name}=${formatQuantity(amount)}`).sort().join(',');
}

function addPod(usage: Map<string, Quantity>, pod: Pod, nowMs: number): void {
  if (isPodFinished(pod) || isOverdue(pod, nowMs)) return;
  usage.set('pods', one);
  for (const [resource, amount] of amounts(podRequests(pod))) {
    if (isPlain(resource)) usage.set(resource, amount);
    usage.set(`requests.${resource}`, amount);
  }
  for (const [resource, amount] of amounts(podLimits(pod))) if (isPlain(resource)) usage.set(`limits.${resource}`, amount);
}

/** Deleted, and its grace is over: its node is late, which is not its namespace's fault. */
function isOverdue({ metadata: { deletionTimestamp } }: Pod, nowMs: number): boolean {
  return !!deletionTimestamp && parseTime(deletionTimestamp) < nowMs;
}

function isPlain(resource: string): boolean {
  return resource === 'cpu' || resource === 'memory' || resource === 'ephemeral-storage' || resource.startsWith('hugepages-');
}

function* amounts(all: Amounts): Generator<[string, Quantity]> {
  for (const resource in all) {
    const isCpu = resource === 'cpu';
    const format = isCpu || resource.includes('/') ? 'DecimalSI' : 'BinarySI';
    yield [resource, { nano: BigInt(Math.round(all[resource]!)) * (isCpu ? 1_000_000n : 1_000_000_000n), format }];
  }
}

function addService(usage: Map<string, Quantity>, { spec }: Service): void {
  if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return;
  if (spec.type === 'LoadBalancer') usage.set('services.loadbalancers', one);
  const ports = spec.ports ?? [];
  const isGiven = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false;
  const nodePorts = isGiven ? ports.length : ports.filter(({ nodePort }) => (nodePort ?? 0) > 0).length;
  if (nodePorts > 0) usage.set('services.nodeports', quantity(nodePorts));
}

function addClaim(usage: Map<string, Quantity>, { spec, status }: PersistentVolumeClaim): void {
  const { storageClassName } = spec;
  if (storageClassName) usage.set(`${storageClassName}.storageclass.storage.k8s.io/persistentvolumeclaims`, one);
  const asked = spec.resources?.requests?.storage;
  if (!asked) return;
  // While a claim shrinks back after an expansion that failed, what was given counts.
  const given = status?.allocatedResources?.storage;
  const amount = given && quantity(given).nano > quantity(asked).nano ? quantity(given) : quantity(asked);
  usage.set('requests.storage', amount);
  if (storageClassName) usage.set(`${storageClassName}.storageclass.storage.k8s.io/requests.storage`, amount);
}
