// One container's entry in the Pod's status, from what the runtime has of it. Pure.
import { formatTime } from '../../base/clock.ts';
import type { ContainerStatus, Pod } from '../../api/types.ts';
import type { ContainerState, Observation } from '../../runtime/runtime.ts';
import { containersOf, latestOf, previousOf, type PodContainer } from '../pod/containers.ts';
import type { PodResize } from '../resize/pod-resize.ts';

export interface WaitingReason {
  readonly reason: string;
  readonly message?: string;
}

/** What the node knows of its containers besides their state in the runtime. */
export interface ContainerKnowledge {
  /** `containerd`, `cri-o` …: the scheme of container ids. */
  readonly runtimeName: string;
  /** Why a container (by name) does not run: image, configuration, back-off. */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  /** Ids of containers past postStart and startup probe. */
  readonly started: ReadonlySet<string>;
  /** Ids of containers whose readiness probe holds (or that have none). */
  readonly ready: ReadonlySet<string>;
  /** What ended containers (by id) left as their termination message. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  /** What the Pod and its containers were granted and have; absent: what they ask for. */
  readonly resize?: Pick<PodResize, 'allocation' | 'actual' | 'conditions'>;
}

type State = NonNullable<ContainerStatus['state']>;

export function containerStatus(pod: Pod, container: PodContainer, seen: Observation, known: ContainerKnowledge, initialized: boolean, ending: boolean): ContainerStatus {
  const before = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? []), ...(pod.status.ephemeralContainerStatuses ?? [])].find(({ name }) => name === container.name);
  const latest = latestOf(seen, container.name);
  const waiting = known.waiting.get(container.name);
  if (!latest) return unseen(container, before, waiting, initialized, ending);

  const previous = previousOf(seen, container.name);
  const running = latest.state === 'running';
  const terminated = (ended: ContainerState) => terminatedState(ended, known, before, mostMessageBytes / containersOf(pod).all.length);
  const held = latest.state === 'exited' && waiting !== undefined && !ending;
  const started = running && (known.started.has(latest.id) || container.role === 'ephemeral');
  const older = previous?.state === 'exited' ? { terminated: terminated(previous) } : before?.restartCount === latest.attempt ? before.lastState : undefined;
  const state: State = held ? { waiting } : stateOf(latest, terminated, initialized);
  return {
    name: container.name,
    state,
    lastState: held ? { terminated: terminated(latest) } : (older ?? {}),
    ready: container.role === 'init' ? latest.state === 'exited' && latest.exitCode === 0 : started && known.ready.has(latest.id),
    restartCount: latest.attempt,
    image: latest.image || container.spec.image || '',
    imageID: latest.imageRef,
    containerID: `${known.runtimeName}://${latest.id}`,
    started,
    ...amountsOf(container, latest, known),
    ...mountsOf(container),
    ...(latest.user ? { user: { linux: { ...latest.user, supplementalGroups: [...latest.user.supplementalGroups] } } } : {}),
    ...(latest.stopSignal ? { stopSignal: latest.stopSignal } : {}),
  };
}

/** Granted, and had: a running container may have other amounts than it was granted, until its resize is done. */
function amountsOf({ name, spec }: PodContainer, { id, state }: ContainerState, { resize }: ContainerKnowledge): Pick<ContainerStatus, 'resources' | 'allocatedResources'> {
  const granted = resize?.allocation.containers.get(name) ?? spec.resources ?? {};
  const { requests, limits, claims } = (state === 'running' ? resize?.actual(id) : undefined) ?? granted;
  return {
    ...(granted.requests ? { allocatedResources: granted.requests } : {}),
    resources: { ...(claims ? { claims } : {}), ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) },
  };
}

function mountsOf({ spec }: PodContainer): Pick<ContainerStatus, 'volumeMounts'> {
  if (!spec.volumeMounts?.length) return {};
  // No runtime that is asked here mounts read-only recursively, so that is what is told.
  return { volumeMounts: spec.volumeMounts.map(({ name, mountPath, readOnly }) => ({ name, mountPath, ...(readOnly ? { readOnly, recursiveReadOnly: 'Disabled' } : {}) })) };
}

/** What is told of a container that should have run, or did, and has no end that anyone knows. */
const nowhere: NonNullable<State['terminated']> = Object.freeze({
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was terminated',
  startedAt: undefined,
  finishedAt: undefined,
});

/** In a Pod that has ended and had come to its app containers, each of them has ended, even one that never began. */
export function endedStatus(status: ContainerStatus): ContainerStatus {
  return status.state?.terminated ? status : { ...status, state: { terminated: nowhere } };
}

/** The reason that containers wait with before anything is known of them. */
function firstReason(container: PodContainer, initialized: boolean): WaitingReason {
  return { reason: initialized || container.role === 'ephemeral' ? 'ContainerCreating' : 'PodInitializing' };
}

function unseen(container: PodContainer, before: ContainerStatus | undefined, waiting: WaitingReason | undefined, initialized: boolean, ending: boolean): ContainerStatus {
  const lost = before?.state?.running ?? (ending ? before?.state?.terminated : undefined);
  const base = { name: container.name, ready: false, restartCount: before?.restartCount ?? 0, image: container.spec.image ?? '', imageID: '', started: false, ...mountsOf(container) };
  if (lost && before) {
    const terminated = before.state?.terminated ?? nowhere;
    const id = { containerID: before.containerID, imageID: before.imageID };
    return ending ? { ...base, ...id, state: { terminated } as State, lastState: before.lastState ?? {} } : { ...base, ...id, state: { waiting: waiting ?? firstReason(container, initialized) }, lastState: { terminated } as State };
  }
  return { ...base, state: { waiting: waiting ?? firstReason(container, initialized) }, lastState: before?.lastState ?? {} };
}

function stateOf(state: ContainerState, terminated: (ended: ContainerState) => NonNullable<State['terminated']>, initialized: boolean): State {
  switch (state.state) {
    case 'running':
      return { running: { startedAt: formatTime(state.startedAtMs) } };
    case 'exited':
      return { terminated: terminated(state) };
    case 'created':
    case 'unknown':
      return { waiting: { reason: initialized ? 'ContainerCreating' : 'PodInitializing' } };
  }
}

/** Of all termination messages of a Pod together; each container has its part. */
const mostMessageBytes = 12 * 1024;

/** The file of a message goes with the Pod's directory: what the API was told of this container stays. */
function terminatedState(state: ContainerState, known: ContainerKnowledge, before: ContainerStatus | undefined, mostBytes: number): NonNullable<State['terminated']> {
  const told = [before?.state?.terminated, before?.lastState?.terminated].find((one) => one?.containerID?.endsWith(`//${state.id}`));
  const message = beginning(known.terminationMessages.get(state.id) || state.message || told?.message, Math.floor(mostBytes));
  return {
    exitCode: state.exitCode,
    ...(state.signal ? { signal: state.signal } : {}),
    reason: state.reason || (state.exitCode === 0 ? 'Completed' : 'Error'),
    ...(message ? { message } : {}),
    startedAt: state.startedAtMs ? formatTime(state.startedAtMs) : (undefined as unknown as string),
    finishedAt: formatTime(state.finishedAtMs || state.createdAtMs),
    containerID: `${known.runtimeName}://${state.id}`,
  };
}

function beginning(text: string | undefined, mostBytes: number): string | undefined {
  if (!text || text.length * 3 <= mostBytes) return text;
  const bytes = Buffer.from(text);
  return bytes.length <= mostBytes ? text : bytes.toString('utf8', 0, mostBytes);
}
