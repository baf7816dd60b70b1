// How fast CPU was used between two samples, by the rules of metrics-server. Pure.
import type { NodeUsage, Usage } from '../../api/node-service.ts';
import type { ContainerSample, Sample, SamplePair } from './sampler.ts';

/** A container must have run so long before it is told of: what it does at its start says little of it. */
const youngestMs = 10_000;

export function usageBetween({ before, now }: SamplePair): NodeUsage {
  const byPod = Map.groupBy(now.containers.values(), ({ pod }) => pod.uid);
  return {
    node: nodeUsage(before, now),
    pods: [...byPod.values()].flatMap((containers) => {
      const used = containers.map((container) => containerUsage(before, container));
      const { namespace, name, uid } = containers[0]!.pod;
      // A Pod is told whole or not at all.
      return used.every((one) => one !== undefined) ? [{ pod: { namespace, name, uid }, containers: used.sort((a, b) => (a.name < b.name ? -1 : 1)) }] : [];
    }),
  };
}

/** Undefined: it is too young, or there is nothing to reckon from. */
export function containerUsage(before: Sample, now: ContainerSample): (Usage & { readonly name: string }) | undefined {
  if (now.wallMs - now.startedAtMs < youngestMs) return undefined;
  const old = before.containers.get(now.id);
  // One that was started since has used nothing before.
  const [fromMs, fromNs] = old ? [old.wallMs, old.cpuNanoseconds] : [Math.max(now.startedAtMs, before.wallMs), 0];
  const windowMs = now.wallMs - fromMs;
  if (windowMs <= 0 || now.cpuNanoseconds < fromNs) return undefined;
  return { name: now.name, endMs: now.wallMs, windowMs, cpuNanoCores: (now.cpuNanoseconds - fromNs) / (windowMs / 1000), memoryBytes: now.memoryWorkingSetBytes };
}

function nodeUsage(before: Sample, now: Sample): Usage | undefined {
  const windowMs = now.atMs - before.atMs;
  if (windowMs <= 0) return undefined;
  const [from, to] = [totalsOf(before), totalsOf(now)];
  return { endMs: now.wallMs, windowMs, cpuNanoCores: Math.max(0, to.cpuNanoseconds - from.cpuNanoseconds) / (windowMs / 1000), memoryBytes: to.memoryWorkingSetBytes };
}

/** Of a node that is no machine, its containers are all there is. */
export function totalsOf({ machine, containers }: Sample): { readonly cpuNanoseconds: number; readonly memoryWorkingSetBytes: number } {
  if (machine) return machine;
  const all = [...containers.values()];
  return { cpuNanoseconds: all.reduce((sum, one) => sum + one.cpuNanoseconds, 0), memoryWorkingSetBytes: all.reduce((sum, one) => sum + one.memoryWorkingSetBytes, 0) };
}
