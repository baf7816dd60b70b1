// What the engine has of one Pod or of all. The list tells what there is; a container's times and end are in its own
// description, which is not asked for again once nothing in it can change.
import { parseTime } from '../../base/clock.ts';
import { containerNameLabel } from '../cri/labels.ts';
import { Recent } from '../cri/recent.ts';
import type { ContainerState, Observation, SandboxState } from '../runtime.ts';
import { query, unlessGone, type DockerConnection } from './connection.ts';
import { keptOf, kindLabel, ours, podOf, sandboxIdLabel, type KeptContainer, type KeptSandbox } from './labels.ts';
import type { LogWriters } from './logs.ts';
import { addressesOf, type InspectedContainer, type InspectedImage, type ListedContainer } from './messages.ts';

export interface Observer {
  observe(podUid: string, signal: AbortSignal): Promise<Observation>;
  observeAll(signal: AbortSignal): Promise<ReadonlyMap<string, Observation>>;
}

/** Descriptions asked for at once by `observeAll`. */
const inspectionsAtOnce = 32;

export interface ObserverDeps {
  readonly docker: DockerConnection;
  readonly owner: string;
  /** Absent: another process writes the logs. */
  readonly logs: LogWriters | undefined;
}

export function createObserver({ docker, owner, logs }: ObserverDeps): Observer & { ended(id: string): void; forget(id: string): void } {
  /** Containers that run (all but their end is settled) or have ended. */
  const settled = new Recent<ContainerState>();
  /** Ends that events told of; the list may show them later, the descriptions do not. */
  const ends = new Recent<true>();
  const references = new Recent<string>();
  const list = (podUid: string | undefined, signal: AbortSignal) =>
    docker.call<ListedContainer[]>('GET', `/containers/json${query({ all: true, filters: ours(owner, podUid) })}`, undefined, signal);

  const imageReference = async (id: string, signal: AbortSignal): Promise<string> => {
    const known = references.get(id);
    if (known !== undefined) return known;
    const image = await unlessGone(docker.call<InspectedImage>('GET', `/images/${id}/json`, undefined, signal));
    const reference = image?.RepoDigests?.[0] ?? id;
    references.set(id, reference);
    return reference;
  };

  const complete = async (listed: ListedContainer, signal: AbortSignal): Promise<ContainerState | undefined> => {
    const known = settled.get(listed.Id);
    if (known && (known.state === 'exited' || (listed.State === 'running' && !ends.has(listed.Id)))) return known;
    const found = await unlessGone(docker.call<InspectedContainer>('GET', `/containers/${listed.Id}/json`, undefined, signal));
    if (!found) return undefined;
    const state = containerState(found, await imageReference(found.Image, signal));
    if (state.startedAtMs > 0) logs?.follow(state.id, state.logPath);
    // Who sees the end may read the whole log.
    if (state.state === 'exited') await logs?.finished(state.id, signal);
    if (state.state === 'running' || state.state === 'exited') settled.set(state.id, state);
    return state;
  };

  const observation = async (listed: readonly ListedContainer[], signal: AbortSignal): Promise<Observation> => {
    const { sandbox = [], container = [] } = Object.groupBy(listed, ({ Labels }) => (Labels[kindLabel] === 'sandbox' ? 'sandbox' : 'container'));
    const containers: (ContainerState | undefined)[] = [];
    for (let from = 0; from < container.length; from += inspectionsAtOnce) {
      containers.push(...(await Promise.all(container.slice(from, from + inspectionsAtOnce).map((one) => complete(one, signal)))));
    }
    return { sandboxes: sandbox.map((one) => sandboxState(one, one.State === 'running' && !ends.has(one.Id))).sort(newestFirst), containers: containers.filter((state) => state !== undefined).sort(newestFirst) };
  };

  return {
    observe: async (podUid, signal) => observation(await list(podUid, signal), signal),
    async observeAll(signal) {
      const { sandboxes, containers } = await observation(await list(undefined, signal), signal);
      const [sandboxesOf, containersOf] = [Map.groupBy(sandboxes, (state) => state.pod.uid), Map.groupBy(containers, (state) => state.pod.uid)];
      return new Map([...sandboxesOf.keys(), ...containersOf.keys()].map((uid) => [uid, { sandboxes: sandboxesOf.get(uid) ?? [], containers: containersOf.get(uid) ?? [] }]));
    },
    ended: (id) => ends.set(id, true),
    forget(id) {
      settled.delete(id);
      ends.delete(id);
    },
  };
}

function newestFirst(a: SandboxState | ContainerState, b: SandboxState | ContainerState): number {
  return b.attempt - a.attempt || b.createdAtMs - a.createdAtMs;
}

function sandboxState({ Id: id, Labels, NetworkSettings }: ListedContainer, ready: boolean): SandboxState {
  const { attempt, createdAtMs, network, labels, annotations } = keptOf<KeptSandbox>(Labels);
  const ips = network === 'node' ? [] : addressesOf(NetworkSettings?.Networks);
  return { id, pod: podOf(Labels), attempt, ready, createdAtMs, ips, network, labels, annotations };
}

function containerState({ Id: id, Created, Config: { Labels }, State }: InspectedContainer, imageRef: string): ContainerState {
  const { attempt, labels, annotations, image, logPath } = keptOf<KeptContainer>(Labels);
  const createdAtMs = parseTime(Created);
  // What could not be started stays `created`, with an error.
  const failed = State.Status === 'created' && (State.ExitCode !== 0 || State.Error !== '');
  const state = failed ? 'exited' : states[State.Status];
  const startedAtMs = failed ? createdAtMs : milliseconds(State.StartedAt);
  return {
    id,
    sandboxId: Labels[sandboxIdLabel] ?? '',
    pod: podOf(Labels),
    name: Labels[containerNameLabel] ?? '',
    attempt,
    state,
    createdAtMs,
    startedAtMs,
    finishedAtMs: state === 'exited' ? Math.max(startedAtMs, milliseconds(State.FinishedAt)) : 0,
    exitCode: state === 'exited' ? State.ExitCode : 0,
    reason: state !== 'exited' ? '' : failed ? 'ContainerCannotRun' : State.OOMKilled ? 'OOMKilled' : State.ExitCode === 0 ? 'Completed' : 'Error',
    message: state === 'exited' ? State.Error : '',
    image,
    imageRef,
    logPath,
    labels,
    annotations,
  };
}

const states = { created: 'created', running: 'running', paused: 'running', restarting: 'running', removing: 'exited', exited: 'exited', dead: 'exited' } as const;

/** The engine writes the year 1 for what has not been. */
function milliseconds(time: string): number {
  return Math.max(0, parseTime(time) || 0);
}
