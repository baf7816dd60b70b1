// Requests and limits → quality of service, and what the kernel is told: CPU shares, quota, memory, OOM score.
import type { Container, Pod } from '../../api/types.ts';
import type { LinuxResources } from '../../runtime/runtime.ts';
import { containersOf } from '../pod/containers.ts';
import { milliCpu, wholeUnits } from './quantities.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const cpuPeriodUs = 100_000;
const fewestShares = 2;
const mostShares = 262_144;
const leastQuotaUs = 1000;

export function qosClassOf(pod: Pod): QosClass {
  if (pod.status.qosClass) return pod.status.qosClass as QosClass;
  const all = [...containersOf(pod).init, ...containersOf(pod).app].map(({ spec }) => spec.resources ?? {});
  let any = false;
  let guaranteed = all.length > 0;
  for (const { requests = {}, limits = {} } of all) {
    for (const name of ['cpu', 'memory']) {
      const limit = limits[name];
      const request = requests[name] ?? limit;
      if (isSet(limit) || isSet(request)) any = true;
      if (!isSet(limit) || !isSet(request) || wholeUnitsOrMilli(name, limit) !== wholeUnitsOrMilli(name, request)) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

export function sharesOf(milli: number): number {
  return milli === 0 ? fewestShares : Math.min(Math.max(Math.floor((milli * 1024) / 1000), fewestShares), mostShares);
}

export function quotaUsOf(milli: number): number {
  return milli === 0 ? -1 : Math.max((milli * cpuPeriodUs) / 1000, leastQuotaUs);
}

export function containerResources(pod: Pod, spec: Container, memoryCapacityBytes: number): LinuxResources {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  const cpuLimit = milliCpu(limits.cpu);
  const cpuRequest = requests.cpu === undefined ? cpuLimit : milliCpu(requests.cpu);
  return {
    cpuShares: sharesOf(cpuRequest),
    cpuQuotaUs: cpuLimit ? quotaUsOf(cpuLimit) : undefined,
    cpuPeriodUs: cpuLimit ? cpuPeriodUs : undefined,
    memoryLimitBytes: wholeUnits(limits.memory) || undefined,
    oomScoreAdj: oomScoreAdjOf(pod, spec, memoryCapacityBytes),
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
    case 'Burstable': {
      const requested = wholeUnits(spec.resources?.requests?.memory ?? spec.resources?.limits?.memory);
      const score = 1000 - Math.floor((1000 * requested) / memoryCapacityBytes);
      return Math.min(Math.max(score, 3), 999);
    }
  }
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
  const requests = Math.max(sum.requests + sidecars.requests, peak.requests) + overhead;
  const limits = Math.max(sum.limits + sidecars.limits, peak.limits) + overhead;
  return { requests, limits: limited ? limits : undefined };
}

function isSet(quantity: string | undefined): quantity is string {
  return quantity !== undefined && wholeUnits(quantity) > 0;
}

function wholeUnitsOrMilli(name: string, quantity: string): number {
  return name === 'cpu' ? milliCpu(quantity) : wholeUnits(quantity);
}
