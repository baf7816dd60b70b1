// Looks whether the servers of other APIs can be reached, and says so on their APIServices: when they, their Services or what is
// behind those changes, and every half minute by asking.
import type { RemoteResource } from '../../api/discovery/remote.ts';
import { isReason } from '../../api/error.ts';
import { apiServices as apiServiceResource } from '../../api/kinds/api-service.ts';
import { endpointSlices as sliceResource } from '../../api/kinds/endpoint-slice.ts';
import { services as serviceResource } from '../../api/kinds/service.ts';
import { sameJson, withCondition, type Condition } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { APIService } from '../../api/types.ts';
import { KeyedBackoff } from '../../base/backoff.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { obstacle } from './obstacle.ts';

/** Asks a server; resolves with why it does not answer, if it does not. */
export type CheckApiService = (name: string, signal: AbortSignal) => Promise<{ readonly error?: string; readonly resources: readonly RemoteResource[] }>;

const serviceNameLabel = 'kubernetes.io/service-name';
const againMs = 30_000;
/** One that does not answer is asked again after such waits. */
const retry = { initialMs: 100, longestMs: 30_000 };

export function createApiServiceController(check: CheckApiService, deps: ControllerDeps): Runnable {
  const { client, clock, informers, aggregated } = deps;
  const apiServices = informers.of(apiServiceResource);
  const services = informers.of(serviceResource);
  const slices = informers.of(sliceResource);
  const failures = new KeyedBackoff(retry);
  const lastTold = new Map<string, readonly RemoteResource[]>();
  /** Of each Service that is named as a server: which APIServices name it. */
  const byService = new Map<string, Set<string>>();

  async function reconcile({ name }: ObjectKey, signal: AbortSignal): Promise<Next> {
    const apiService = apiServices.get({ namespace: '', name });
    const reference = apiService?.spec.service;
    if (!apiService || !reference) {
      aggregated.remove(name);
      return 'await-change';
    }
    const { group = '', version = '' } = apiService.spec;
    const { namespace = '', name: serviceName = '' } = reference;
    const own = slices.list(namespace).filter(({ metadata }) => metadata.labels?.[serviceNameLabel] === serviceName);
    const known = obstacle(reference, services.get({ namespace, name: serviceName }), own);
    if (known) {
      aggregated.put(name, group, version, false, lastTold.get(name) ?? []);
      await tell(apiService, { type: 'Available', status: 'False', ...known }, signal);
      return 'await-change';
    }
    const { error, resources } = await check(name, signal);
    lastTold.set(name, resources);
    aggregated.put(name, group, version, error === undefined, resources);
    if (error !== undefined) {
      await tell(apiService, { type: 'Available', status: 'False', reason: 'FailedDiscoveryCheck', message: error }, signal);
      return { afterMs: failures.fail(name) };
    }
    failures.forget(name);
    await tell(apiService, { type: 'Available', status: 'True', reason: 'Passed', message: 'all checks passed' }, signal);
    return { afterMs: againMs };
  }

  async function tell(apiService: APIService, condition: Omit<Condition, 'lastTransitionTime'>, signal: AbortSignal): Promise<void> {
    const before = (apiService.status.conditions ?? []) as Condition[];
    const conditions = withCondition(before, condition, clock.wallMs());
    if (sameJson(conditions, before)) return;
    try {
      await client.updateStatus(apiServiceResource, { ...apiService, status: { ...apiService.status, conditions: [...conditions] as never } }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  /** Its own status writes are no news. */
  function* changed(before: APIService | undefined, after: APIService | undefined): Generator<ObjectKey> {
    const { name } = (after ?? before)!.metadata;
    for (const [object, isThere] of [[before, false], [after, true]] as const) {
      const service = object?.spec.service;
      if (!service) continue;
      const key = `${service.namespace}/${service.name}`;
      const names = byService.get(key) ?? new Set<string>();
      if (isThere) byService.set(key, names.add(name));
      else if (names.delete(name) && names.size === 0) byService.delete(key);
    }
    if (!after?.spec.service) {
      failures.forget(name);
      lastTold.delete(name);
    }
    // Until it has been asked, nobody knows what it has.
    if (after?.spec.service && !lastTold.has(name)) aggregated.put(name, after.spec.group ?? '', after.spec.version ?? '', false, []);
    if (before?.spec.service || after?.spec.service ? !sameJson(before?.spec, after?.spec) : false) yield { namespace: '', name };
  }

  function* ofService(namespace: string, name: string): Generator<ObjectKey> {
    for (const named of byService.get(`${namespace}/${name}`) ?? []) yield { namespace: '', name: named };
  }

  return createController(
    {
      name: 'api-service-availability',
      triggers: [
        trigger(apiServices, changed),
        trigger(services, (before, after) => ofService((after ?? before)!.metadata.namespace ?? '', (after ?? before)!.metadata.name)),
        trigger(slices, (before, after) => (byService.size === 0 ? [] : ofService((after ?? before)!.metadata.namespace ?? '', (after ?? before)!.metadata.labels?.[serviceNameLabel] ?? ''))),
      ],
      reconcile,
    },
    deps,
  );
}
