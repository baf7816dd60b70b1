// What a Pod asks of its node, and the class that follows from it.
import { milliOf, parseQuantity, unitsOf } from '../../quantity.ts';
import type { Container, Pod, PodSpec } from '../../types.ts';

/** By resource: `cpu` in thousandths of a core, all others in whole units (bytes, counts), as the scheduler counts. */
export type Amounts = Record<string, number>;

type Written = Readonly<Record<string, string>>;

/** One amount in the unit that Amounts has for its resource. */
export function amountOf(resource: string, written: string | number): number {
  return resource === 'cpu' ? milliOf(written) : unitsOf(written);
}

export function amountsOf(written: Written | undefined): Amounts {
  const amounts: Amounts = {};
  for (const resource in written) amounts[resource] = amountOf(resource, written[resource]!);
  return amounts;
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Pick<Container, 'restartPolicy'>): boolean {
  return container.restartPolicy === 'Always';
}

/**
 * What the node must have free for the Pod: the sum of its containers and sidecars, or more where an init container,
 * which runs beside the sidecars before it, needs more; and the overhead of its sandbox. Requests of the Pod itself stand
 * instead of its containers'.
 */
export function podRequests(pod: Pick<Pod, 'spec'>): Amounts {
  return total(pod.spec, 'requests');
}

/** As podRequests, for limits; a resource that a container does not limit is counted only for those that do. */
export function podLimits(pod: Pick<Pod, 'spec'>): Amounts {
  return total(pod.spec, 'limits');
}

function total(spec: PodSpec, part: 'requests' | 'limits'): Amounts {
  const sum: Amounts = {};
  for (const container of spec.containers ?? []) add(sum, amountsOf(container.resources?.[part]));
  const sidecars: Amounts = {};
  const peak: Amounts = {};
  for (const container of spec.initContainers ?? []) {
    const own = amountsOf(container.resources?.[part]);
    if (isSidecar(container)) {
      add(sum, own);
      add(sidecars, own);
      raise(peak, sidecars);
    } else {
      add(own, sidecars);
      raise(peak, own);
    }
  }
  raise(sum, peak);
  Object.assign(sum, amountsOf(spec.resources?.[part]));
  const overhead = amountsOf(spec.overhead);
  // A limit that nobody set is none; the sandbox's overhead does not make one.
  for (const resource in overhead) if (part === 'requests' || resource in sum) sum[resource] = (sum[resource] ?? 0) + overhead[resource]!;
  return sum;
}

function add(to: Amounts, more: Amounts): void {
  for (const resource in more) to[resource] = (to[resource] ?? 0) + more[resource]!;
}

function raise(to: Amounts, least: Amounts): void {
  for (const resource in least) to[resource] = Math.max(to[resource] ?? 0, least[resource]!);
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** Guaranteed: every container limits cpu and memory and requests as much. BestEffort: none says anything of either. */
export function qosClass(spec: PodSpec): QosClass {
  const own = spec.resources;
  const all = own && (own.requests || own.limits) ? [{ resources: own }] : [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const requests: Amounts = {};
  const limits: Amounts = {};
  let isGuaranteed = true;
  for (const { resources } of all) {
    add(requests, computeAmounts({ ...resources?.limits, ...resources?.requests }));
    const own = computeAmounts(resources?.limits);
    add(limits, own);
    if (!own.cpu || !own.memory) isGuaranteed = false;
  }
  if (Object.keys(requests).length === 0 && Object.keys(limits).length === 0) return 'BestEffort';
  const isEqual = requests.cpu === limits.cpu && requests.memory === limits.memory;
  return isGuaranteed && isEqual ? 'Guaranteed' : 'Burstable';
}

/** The amounts above zero of what the class depends on; an amount that is none counts as unsaid. */
function computeAmounts(written: Written | undefined): Amounts {
  const amounts: Amounts = {};
  for (const resource of ['cpu', 'memory']) {
    const text = written?.[resource];
    if (text === undefined || text === null || !parseQuantity(text)) continue;
    const amount = amountOf(resource, text);
    if (amount > 0) amounts[resource] = amount;
  }
  return amounts;
}
