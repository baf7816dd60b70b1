// Requests and limits → quality of service, and what the kernel is told: CPU shares, quota, memory, OOM score.
import { qosClass, type QosClass } from '../../api/kinds/pod/resources.ts';
import type { Container, Pod } from '../../api/types.ts';
import type { LinuxResources } from '../../runtime/runtime.ts';
import { containersOf } from '../pod/containers.ts';
import { milliCpu, wholeUnits } from './quantities.ts';

export type { QosClass };

const cpuPeriodUs = 100_000;
const fewestShares = 2;
const mostShares = 262_144;
const leastQuotaUs = 1000;

/** A Pod is its class for life. */
export function qosClassOf(pod: Pod): QosClass {
  return (pod.status.qosClass as QosClass | undefined) ?? qosClass(pod.spec);
}

export function sharesOf(milli: number): number {
  return milli === 0 ? fewestShares : Math.min(Math.max(Math.floor((milli * 1024) / 1000), fewestShares), mostShares);
}

export function quotaUsOf(milli: number): number {
  return milli === 0 ? -1 : Math.max((milli * cpuPeriodUs) / 1000, leastQuotaUs);
}

/** `cgroupVersion`: of the memory controller, where that is known. */
export function containerResources(pod: Pod, spec: Container, memoryCapacityBytes: number, cgroupVersion?: 1 | 2): LinuxResources {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  const own = milliCpu(limits.cpu);
  // A container that sets no limit may use what its Pod may.
  const cpuLimit = own || milliCpu(podLevel(pod, 'limits', 'cpu'));
  const cpuRequest = requests.cpu === undefined ? own : milliCpu(requests.cpu);
  return {
    cpuShares: sharesOf(cpuRequest),
    cpuQuotaUs: cpuLimit ? quotaUsOf(cpuLimit) : undefined,
    cpuPeriodUs: cpuLimit ? cpuPeriodUs : undefined,
    memoryLimitBytes: wholeUnits(limits.memory) || wholeUnits(podLevel(pod, 'limits', 'memory')) || undefined,
    oomScoreAdj: oomScoreAdjOf(pod, spec, memoryCapacityBytes),
    // A container short of memory ends as a whole.
    ...(cgroupVersion === 2 ? { unified: { 'memory.oom.group': '1' } } : {}),
  };
}

/** The more of its memory request a container of a Burstable Pod reserves, the later the kernel picks it. */
export function oomScoreAdjOf(pod: Pod, spec: Container, memoryCapacityBytes: number): number {
  if ((pod.spec.priority ?? 0) >= 2_000_000_000) return -997;
  switch (qosClassOf(pod)) {
    case 'Guaranteed':
      return -997;
    case 'BestEffort':
      return 1000;
    case 'Burstable':
      return Math.min(Math.max(1000 - Math.floor((1000 * memoryReserved(pod, spec)) / memoryCapacityBytes), 3), 999);
  }
}

/** A sidecar is not picked before the containers that need it; of what the Pod asks for beyond its containers each has its part. */
function memoryReserved(pod: Pod, spec: Container): number {
  const { init, app } = containersOf(pod);
  const requestOf = ({ resources }: Container) => wholeUnits(resources?.requests?.memory ?? resources?.limits?.memory);
  const lasting = [...init.filter(({ role }) => role === 'sidecar'), ...app].map((one) => one.spec);
  const whole = wholeUnits(podLevel(pod, 'requests', 'memory'));
  const share = whole ? Math.max(0, Math.floor((whole - lasting.reduce((sum, one) => sum + requestOf(one), 0)) / lasting.length)) : 0;
  const own = requestOf(spec) + share;
  const isSidecar = init.some((one) => one.role === 'sidecar' && one.name === spec.name);
  return isSidecar ? Math.max(own, Math.min(...app.map((one) => requestOf(one.spec))) + share) : own;
}

function podLevel(pod: Pod, side: 'requests' | 'limits', name: string): string | undefined {
  const { requests, limits } = pod.spec.resources ?? {};
  return side === 'limits' ? limits?.[name] : (requests?.[name] ?? limits?.[name]);
}

export interface PodResources {
  readonly cpuShares: number;
  /** -1: no limit. */
  readonly cpuQuotaUs: number;
  readonly cpuPeriodUs: number;
  /** 0: no limit. */
  readonly memoryLimitBytes: number;
}

/** Limits of the Pod as a whole; a limit holds only when every container has one. */
export function podResources(pod: Pod): PodResources {
  const { requests: cpuRequest } = totals(pod, 'cpu', milliCpu);
  const { limits: cpuLimit } = totals(pod, 'cpu', milliCpu);
  const { limits: memoryLimit } = totals(pod, 'memory', wholeUnits);
  return {
    cpuShares: sharesOf(cpuRequest),
    cpuQuotaUs: cpuLimit === undefined ? -1 : quotaUsOf(cpuLimit),
    cpuPeriodUs,
    memoryLimitBytes: memoryLimit ?? 0,
  };
}

/** As much as either: while a Pod is resized, its containers must fit in both. */
export function widest(a: PodResources, b: PodResources): PodResources {
  const none = (limit: number) => limit <= 0;
  return {
    cpuShares: Math.max(a.cpuShares, b.cpuShares),
    cpuQuotaUs: none(a.cpuQuotaUs) || none(b.cpuQuotaUs) ? -1 : Math.max(a.cpuQuotaUs, b.cpuQuotaUs),
    cpuPeriodUs,
    memoryLimitBytes: none(a.memoryLimitBytes) || none(b.memoryLimitBytes) ? 0 : Math.max(a.memoryLimitBytes, b.memoryLimitBytes),
  };
}

/** Sidecars add up with what starts after them, other init containers only peak. */
function totals(pod: Pod, name: string, amount: (quantity: string | undefined) => number): { requests: number; limits: number | undefined } {
  const { init, app } = containersOf(pod);
  const overhead = amount((pod.spec.overhead as Record<string, string> | undefined)?.[name]);
  const sum = { requests: 0, limits: 0 };
  const peak = { requests: 0, limits: 0 };
  let limited = true;
  const sidecars = { requests: 0, limits: 0 };
  const of = (spec: Container) => {
    const limit = spec.resources?.limits?.[name];
    if (!isSet(limit)) limited = false;
    return { requests: amount(spec.resources?.requests?.[name] ?? limit), limits: amount(limit) };
  };
  for (const { spec, role } of init) {
    const one = of(spec);
    for (const side of ['requests', 'limits'] as const) {
      if (role === 'sidecar') sidecars[side] += one[side];
      peak[side] = Math.max(peak[side], sidecars[side] + (role === 'sidecar' ? 0 : one[side]));
    }
  }
  for (const { spec } of app) {
    const one = of(spec);
    sum.requests += one.requests;
    sum.limits += one.limits;
  }
  // What the Pod says of itself stands instead of its containers' sum.
  const whole = { requests: podLevel(pod, 'requests', name), limits: podLevel(pod, 'limits', name) };
  const requests = (isSet(whole.requests) ? amount(whole.requests) : Math.max(sum.requests + sidecars.requests, peak.requests)) + overhead;
  if (isSet(whole.limits)) return { requests, limits: amount(whole.limits) + overhead };
  const limits = Math.max(sum.limits + sidecars.limits, peak.limits) + overhead;
  return { requests, limits: limited ? limits : undefined };
}

function isSet(quantity: string | undefined): quantity is string {
  return quantity !== undefined && wholeUnits(quantity) > 0;
}
