// What a namespace uses of what a quota bounds.
import type { Kind } from '../../api/kind.ts';
import { formatQuantity, type Quantity } from '../../api/quantity.ts';
import { countName, isInScope, sumUsage, usageOf } from '../../api/quota/usage.ts';
import type { KubeObject, ResourceQuota } from '../../api/types.ts';

const plainKinds: Readonly<Record<string, string>> = {
  'services.nodeports': 'services',
  'services.loadbalancers': 'services',
  'requests.storage': 'persistentvolumeclaims',
};

/** The kinds whose objects are to be counted for a quota; names that no kind answers to stay at 0. */
export function countedKinds({ spec }: ResourceQuota, kinds: readonly Kind[]): readonly Kind[] {
  const wanted = new Set<Kind>();
  for (const name in spec.hard) {
    const kind = kinds.find((one) => countName(one) === name) ?? kinds.find(({ group, plural }) => group === '' && plural === pluralFor(name));
    if (kind?.namespaced) wanted.add(kind);
  }
  return [...wanted];
}

function pluralFor(name: string): string {
  if (name.includes('.storageclass.storage.k8s.io/')) return 'persistentvolumeclaims';
  const known = plainKinds[name];
  if (known) return known;
  return /^(cpu|memory|ephemeral-storage|hugepages-.*|requests\..*|limits\..*)$/.test(name) ? 'pods' : name;
}

/** `objects`: all of each counted kind in the quota's namespace. */
export function statusOf(quota: ResourceQuota, objects: readonly (readonly [Kind, readonly KubeObject[]])[], nowMs: number): ResourceQuota['status'] {
  const usages = objects.flatMap(([kind, all]) => all.filter((object) => isInScope(quota, kind, object)).map((object) => usageOf(kind, object, nowMs)));
  const sum = sumUsage(usages);
  const hard = quota.spec.hard ?? {};
  const used = Object.fromEntries(Object.keys(hard).map((name) => [name, formatQuantity(sum.get(name) ?? nothing)]));
  return { hard, used };
}

const nothing: Quantity = { nano: 0n, format: 'DecimalSI' };
