// Gives a Pod's cgroup and its running containers what was granted: the Pod's cgroup first grows, then the containers
// change, then it shrinks, so that at no moment the containers may have more than their Pod.
import type { Pod } from '../../api/types.ts';
import type { ContainerState, Observation } from '../../runtime/runtime.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import type { NodeWorld } from '../node-settings.ts';
import { containerNamed } from '../pod/containers.ts';
import { wholeUnits } from '../spec/quantities.ts';
import { containerResources, podResources } from '../spec/resources.ts';
import type { PodResize, ResizeWork } from './pod-resize.ts';

/** What was granted cannot be given (yet); in the words that the Pod's condition shows. */
export class ResizeError extends Error {
  override readonly name = 'ResizeError';
}

export async function actuateResize(world: NodeWorld, cgroups: Cgroups, pod: Pod, seen: Observation, resize: PodResize, work: ResizeWork, signal: AbortSignal): Promise<void> {
  const { runtime, machine } = world;
  const { before } = resize;
  const updates = seen.containers.filter(({ id }) => work.containers.get(id) === 'update');
  checkMemory(cgroups, pod, before, updates, resize);
  if (before) cgroups.prepare(pod, before);
  for (const { id, name } of updates) {
    const { spec } = containerNamed(pod, name)!;
    const { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryLimitBytes } = containerResources(pod, spec, machine.memoryBytes);
    try {
      await runtime.updateContainerResources(id, { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryLimitBytes }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw new ResizeError(`failed to resize container ${JSON.stringify(name)}: ${(error as Error).message}`, { cause: error });
    }
    resize.given(id, spec.resources, pod);
  }
  // A container that restarts for it still has the old amounts; the Pod shrinks when it has the new ones.
  if ([...work.containers.values()].includes('restart')) return resize.podWidened();
  cgroups.prepare(pod);
  resize.podGiven();
}

/** The kernel would end processes to make a limit hold that is below what they use: that is not what a resize asks for. */
function checkMemory(cgroups: Cgroups, pod: Pod, before: Pod | undefined, updates: readonly ContainerState[], resize: PodResize): void {
  const uid = pod.metadata.uid;
  const problems: string[] = [];
  const limit = podResources(pod).memoryLimitBytes;
  const wasLimit = before ? podResources(before).memoryLimitBytes : limit;
  if (limit > 0 && (wasLimit <= 0 || limit < wasLimit)) {
    const usage = cgroups.memoryUsage(uid);
    if (usage !== undefined && usage > limit) problems.push(`attempting to set pod memory limit (${limit}) below current usage (${usage})`);
  }
  for (const { id, name } of updates) {
    const wanted = containerResources(pod, containerNamed(pod, name)!.spec, 1).memoryLimitBytes;
    const had = wholeUnits(resize.actual(id)?.limits?.memory);
    if (!wanted || (had > 0 && wanted >= had)) continue;
    const usage = cgroups.memoryUsage(uid, id);
    if (usage !== undefined && usage > wanted) problems.push(`attempting to set container ${JSON.stringify(name)} memory limit (${wanted}) below current usage (${usage})`);
  }
  if (problems.length > 0) throw new ResizeError(`cannot decrease memory limits: ${problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`}`);
}
