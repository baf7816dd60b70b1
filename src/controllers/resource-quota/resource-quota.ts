// Counts for every ResourceQuota what its namespace uses. Writes are charged when they are made (server/registry); what
// goes away is found here, and whatever was charged wrongly is put right.
import { kinds } from '../../api/kinds/index.ts';
import { resourceQuotas } from '../../api/kinds/resource-quota.ts';
import type { Kind } from '../../api/kind.ts';
import { sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import { usageOf, usageText } from '../../api/quota/usage.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import { createController, trigger, type Next, type Trigger } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { countedKinds, statusOf } from './count.ts';

/** Without any change all is counted again, as upstream does: Pods that outlive their grace leave the count unseen. */
const resyncMs = 300_000;

export function createResourceQuotaController(deps: ControllerDeps): Runnable {
  const { client, clock, informers, customInformers } = deps;
  const quotas = informers.of(resourceQuotas);
  const counted = new Map<Kind, Informer<KubeObject>>();
  let enqueue: (key: ObjectKey) => void = () => {};

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const quota = quotas.get(key);
    if (!quota) return 'await-change';
    const views = countedKinds(quota, kinds).map((kind) => [kind, viewOf(kind)] as const);
    await Promise.race([Promise.all(views.map(([, view]) => view.synced)), ended(signal)]);
    if (signal.aborted) return 'await-change';
    const custom = countedKinds(quota, customInformers.all() as readonly Kind[]).map((kind) => [kind, customInformers.list(kind, key.namespace)] as const);
    const status = statusOf(quota, [...views.map(([kind, view]) => [kind, view.list(key.namespace)] as const), ...custom], clock.wallMs());
    // Written over what was seen: a charge that came meanwhile makes it a conflict, and it is counted again.
    if (!sameJson(status, quota.status)) await client.updateStatus(resourceQuotas, { ...quota, status }, signal);
    return { afterMs: resyncMs };
  }

  /** A kind is watched from the first quota on that counts it. */
  function viewOf(kind: Kind): Informer<KubeObject> {
    let view = counted.get(kind);
    if (!view) {
      counted.set(kind, (view = informers.of(kind)));
      view.onChange((before, after) => {
        if (!sameUsage(kind, before, after)) for (const quota of quotas.list((after ?? before)!.metadata.namespace)) enqueue(keyOf(quota));
      });
    }
    return view;
  }

  function sameUsage(kind: Kind, before: KubeObject | undefined, after: KubeObject | undefined): boolean {
    if (!before || !after) return false;
    if (kind.group !== '' || !mayChange.has(kind.plural) || before === after) return true;
    const nowMs = clock.wallMs();
    return usageText(usageOf(kind, before, nowMs)) === usageText(usageOf(kind, after, nowMs));
  }

  /** What is used is read back only to be counted anew by others' changes: a change of the count alone starts nothing. */
  const ofQuotas = trigger(quotas, (before, after) => (before && after && sameJson(before.spec, after.spec) && sameJson(before.status.hard, after.status.hard) ? [] : [keyOf((after ?? before)!)]));
  const ofCounted: Trigger = {
    synced: Promise.resolve(),
    start: (to) => {
      enqueue = to;
      return { [Symbol.dispose]: () => void (enqueue = () => {}) };
    },
  };
  const ofCustom: Trigger = {
    synced: customInformers.synced,
    start: (to) =>
      customInformers.onChange((_, before, after) => {
        if (!before || !after) for (const quota of quotas.list((after ?? before)!.metadata.namespace)) to(keyOf(quota));
      }),
  };
  return createController({ name: 'resourcequota-controller', triggers: [ofQuotas, ofCounted, ofCustom], reconcile, workers: 2 }, deps);
}

/** Objects of other kinds count as one for as long as they are there. */
const mayChange: ReadonlySet<string> = new Set(['pods', 'services', 'persistentvolumeclaims']);

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
