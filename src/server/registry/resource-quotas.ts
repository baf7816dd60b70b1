// What a write costs its namespace's ResourceQuotas: it is taken off at once, in the quota's status, so that no two writes
// use the same rest; what the controller counts afterwards can only be more exact. Last of what may refuse a write.
import { ApiError } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import { resourceQuotas } from '../../api/kinds/resource-quota.ts';
import { draftOf } from '../../api/meta.ts';
import { compareQuantities, formatQuantity, quantity, type Quantity } from '../../api/quantity.ts';
import { isInScope, plus, usageOf, usageText, type Usage } from '../../api/quota/usage.ts';
import type { Container, KubeObject, Pod, ResourceQuota } from '../../api/types.ts';
import { exclusively, put } from './commit.ts';
import type { Registry } from './registry.ts';

/** Takes back what was charged, when the write came to nothing. */
export type Refund = () => Promise<void>;

/**
 * Throws ApiError Forbidden when a quota has not enough left. `before` is absent for a create. Undefined: nothing was
 * charged. Where there is no quota it costs a look into an empty list.
 */
export function charge(registry: Registry, kind: Kind, draft: KubeObject, before: KubeObject | undefined, dryRun: boolean): Promise<Refund> | undefined {
  const { namespace } = draft.metadata;
  if (!namespace || !registry.cache.has(resourceQuotas)) return undefined;
  const quotas = registry.cache.list(resourceQuotas, namespace);
  return quotas.length === 0 ? undefined : chargeEach(registry, quotas, kind, draft, before, dryRun);
}

async function chargeEach(registry: Registry, quotas: readonly ResourceQuota[], kind: Kind, draft: KubeObject, before: KubeObject | undefined, dryRun: boolean): Promise<Refund> {
  const nowMs = registry.clock.wallMs();
  const charged: { quota: ResourceQuota; cost: Usage }[] = [];
  const refund = async () => {
    for (const { quota, cost } of charged) await change(registry, quota, (now) => withUsed(now, cost, -1n), false);
  };
  const refuse = (why: string) => ApiError.forbidden(kind, draft.metadata.name || draft.metadata.generateName || '', why);
  const costs = quotas.map((quota) => ({ quota, cost: costOf(quota, kind, draft, before, nowMs) }));
  for (const { quota } of costs) {
    const missing = isPods(kind) && !before && isInScope(quota, kind, draft) ? unsaid(quota, draft as Pod) : '';
    if (missing) throw refuse(`failed quota: ${quota.metadata.name}: must specify ${missing}`);
  }
  try {
    for (const { quota, cost } of costs) {
      if (cost.size === 0) continue;
      const done = await change(registry, quota, (now) => {
        const why = tooMuch(now, cost);
        if (why) throw refuse(why);
        return withUsed(now, cost, 1n);
      }, dryRun);
      if (done) charged.push({ quota, cost });
    }
  } catch (error) {
    await refund();
    throw error;
  }
  return refund;
}

/** What the object will use more than now, of what the quota bounds. */
function costOf(quota: ResourceQuota, kind: Kind, draft: KubeObject, before: KubeObject | undefined, nowMs: number): Usage {
  const after = isInScope(quota, kind, draft) ? usageOf(kind, draft, nowMs) : new Map<string, Quantity>();
  const already = before && isInScope(quota, kind, before) ? usageOf(kind, before, nowMs) : new Map<string, Quantity>();
  const cost = new Map<string, Quantity>();
  for (const name in quota.spec.hard) {
    const amount = after.get(name);
    const more = (amount?.nano ?? 0n) - (already.get(name)?.nano ?? 0n);
    if (amount && more > 0n) cost.set(name, { nano: more, format: amount.format });
  }
  return cost;
}

function tooMuch({ metadata: { name }, status: { hard, used } }: ResourceQuota, cost: Usage): string | undefined {
  const uncounted = [...cost.keys()].filter((resource) => hard?.[resource] === undefined || used?.[resource] === undefined);
  if (uncounted.length > 0) return `status unknown for quota: ${name}, resources: ${uncounted.sort().join(',')}`;
  const exceeded = new Map([...cost].filter(([resource, amount]) => compareQuantities(plus(quantity(used![resource]!), amount), quantity(hard![resource]!)) > 0));
  if (exceeded.size === 0) return undefined;
  const of = (amounts: Record<string, string>): Usage => new Map([...exceeded.keys()].map((resource) => [resource, quantity(amounts[resource]!)]));
  return `exceeded quota: ${name}, requested: ${usageText(exceeded)}, used: ${usageText(of(used!))}, limited: ${usageText(of(hard!))}`;
}

function withUsed(quota: ResourceQuota, cost: Usage, sign: 1n | -1n): ResourceQuota {
  const draft = draftOf(quota);
  const used = (draft.status.used ??= {});
  for (const [resource, { nano, format }] of cost) {
    const sum = plus(used[resource] === undefined ? undefined : quantity(used[resource]), { nano: nano * sign, format });
    used[resource] = formatQuantity(sum.nano < 0n ? { ...sum, nano: 0n } : sum);
  }
  return draft;
}

/** False: the quota has gone meanwhile, and asks nothing any more. */
function change(registry: Registry, { metadata: { namespace = '', name, uid } }: ResourceQuota, apply: (now: ResourceQuota) => ResourceQuota, dryRun: boolean): Promise<boolean> {
  const kind = resourceQuotas as unknown as Kind;
  return exclusively(registry, kind, namespace, name, async () => {
    const item = registry.cache.of(kind).get(namespace, name)?.opened();
    const now = item?.object as ResourceQuota | undefined;
    if (!item || now?.metadata.uid !== uid) return false;
    await put(registry, kind, item, apply(now), dryRun);
    return true;
  });
}

const said = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];

/** Where a resource is bounded, every container has to say how much of it it wants. */
function unsaid({ spec: { hard = {} } }: ResourceQuota, { spec }: Pod): string {
  const containers: readonly Container[] = [...spec.containers, ...((spec.initContainers ?? []) as Container[])];
  const missing: string[] = [];
  for (const name of said.filter((one) => one in hard)) {
    const part = name.startsWith('limits.') ? 'limits' : 'requests';
    const resource = name.slice(name.indexOf('.') + 1);
    if (spec.resources?.[part]?.[resource] !== undefined) continue;
    const silent = containers.filter(({ resources }) => resources?.[part]?.[resource] === undefined).map((container) => container.name);
    if (silent.length > 0) missing.push(`${name} for: ${silent.sort().join(',')}`);
  }
  return missing.sort().join('; ');
}

function isPods({ group, plural }: Kind): boolean {
  return group === '' && plural === 'pods';
}
