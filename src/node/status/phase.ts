// The one word for where a Pod is in its life, from its containers' statuses. Pure.
import type { ContainerStatus, Pod } from '../../api/types.ts';
import { containersOf, type PodContainer } from '../pod/containers.ts';

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** `ended`: nothing of the Pod runs any more and nothing will. Only then can it have succeeded or failed; both are for good. */
export function phaseOf(pod: Pod, statuses: ReadonlyMap<string, ContainerStatus>, ended: boolean): Phase {
  const before = pod.status.phase;
  if (before === 'Succeeded' || before === 'Failed') return before;
  const states = containersOf(pod).app.map(({ name }) => statuses.get(name));
  if (ended) return states.every((status) => status?.state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed';
  return isInitialized(pod, statuses) && states.every(hasRun) ? 'Running' : 'Pending';
}

/** Every init container has succeeded and every sidecar has started; once an app container has run it stays so. */
export function isInitialized(pod: Pod, statuses: ReadonlyMap<string, ContainerStatus>): boolean {
  const { init, app } = containersOf(pod);
  if (app.some(({ name }) => hasRun(statuses.get(name)))) return true;
  return init.every(({ name, role }) => initDone(statuses.get(name), role));
}

export function initDone(status: ContainerStatus | undefined, role: PodContainer['role']): boolean {
  return role === 'sidecar' ? Boolean(status?.started) : status?.state?.terminated?.exitCode === 0;
}

function hasRun(status: ContainerStatus | undefined): boolean {
  return Boolean(status?.state?.running || status?.state?.terminated || status?.lastState?.terminated);
}
