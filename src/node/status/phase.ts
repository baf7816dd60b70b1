// The one word for where a Pod is in its life, from its containers' statuses. Pure.
import type { ContainerStatus, Pod } from '../../api/types.ts';
import { containersOf, type PodContainer } from '../pod/containers.ts';

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** `ended`: nothing of the Pod runs any more and nothing will. */
export function phaseOf(pod: Pod, statuses: ReadonlyMap<string, ContainerStatus>, ended: boolean): Phase {
  const before = pod.status.phase;
  if (before === 'Succeeded' || before === 'Failed') return before;
  const { init, app } = containersOf(pod);
  const policy = pod.spec.restartPolicy ?? 'Always';
  const initialized = isInitialized(pod, statuses);
  if (!initialized) {
    const failed = init.some(({ name, role }) => role === 'init' && failedForGood(statuses.get(name), policy));
    return failed || (ended && before !== 'Pending') ? 'Failed' : ended ? 'Failed' : 'Pending';
  }
  const of = (container: PodContainer) => statuses.get(container.name);
  const neverRan = app.filter((container) => of(container)?.state?.waiting && !of(container)?.lastState?.terminated);
  const stopped = app.filter((container) => of(container)?.state?.terminated);
  const succeeded = stopped.filter((container) => of(container)?.state?.terminated?.exitCode === 0);
  if (ended) return succeeded.length === app.length ? 'Succeeded' : 'Failed';
  if (neverRan.length > 0) return 'Pending';
  const sidecarsRun = init.some((container) => container.role === 'sidecar' && of(container)?.state?.running);
  if (stopped.length < app.length || policy === 'Always' || sidecarsRun) return 'Running';
  if (succeeded.length === app.length) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
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

function failedForGood(status: ContainerStatus | undefined, policy: string): boolean {
  const code = status?.state?.terminated?.exitCode;
  return code !== undefined && code !== 0 && policy === 'Never';
}
