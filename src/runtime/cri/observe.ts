// What the runtime has of one Pod or of all. Two lists tell what there is; a sandbox' addresses and a container's times
// are in its own status. On the way to Ready this is asked often: lists and the statuses of ids that are already known go
// out together, and what cannot change any more is not asked again.
import { RuntimeError, type ContainerState, type Observation, type SandboxState } from '../runtime.ts';
import type { CriConnection } from './connection.ts';
import { configAnnotation, imageAnnotation, podOf, podUidLabel, selector } from './labels.ts';
import type { Memory } from './memory.ts';
import type { Container, ContainerStatus, CriContainerState, PodSandbox, PodSandboxStatus } from './messages.ts';

export interface Observer {
  observe(podUid: string, signal: AbortSignal): Promise<Observation>;
  observeAll(signal: AbortSignal): Promise<ReadonlyMap<string, Observation>>;
}

/** Statuses asked for at once by `observeAll`. */
const statusesAtOnce = 32;

export function createObserver(cri: CriConnection, memory: Memory, owner: string | undefined): Observer {
  const list = async (labels: Readonly<Record<string, string>>, signal: AbortSignal) => {
    const filter = { label_selector: labels };
    const [sandboxes, containers] = await Promise.all([
      cri.runtime<{ items: PodSandbox[] }>('ListPodSandbox', { filter }, signal),
      cri.runtime<{ containers: Container[] }>('ListContainers', { filter }, signal),
    ]);
    return { sandboxes: sandboxes.items, containers: containers.containers };
  };
  const sandboxStatus = (id: string, signal: AbortSignal) =>
    ifPresent(cri.runtime<{ status?: PodSandboxStatus }>('PodSandboxStatus', { pod_sandbox_id: id }, signal).then(({ status }) => status));
  const containerStatus = (id: string, signal: AbortSignal) =>
    ifPresent(cri.runtime<{ status?: ContainerStatus }>('ContainerStatus', { container_id: id }, signal).then(({ status }) => status));

  const completeSandbox = async (listed: PodSandbox, early: Promise<PodSandboxStatus | undefined> | undefined, signal: AbortSignal): Promise<SandboxState | undefined> => {
    const uid = listed.labels[podUidLabel];
    if (uid === undefined) return undefined;
    const ready = listed.state === 'SANDBOX_READY' && !memory.exits.has(listed.id);
    const settled = memory.sandboxes.get(listed.id);
    if (settled) return settled.ready === ready ? settled : { ...settled, ready };
    memory.learn(uid, 'sandboxes', listed.id);
    const status = (await early) ?? (await sandboxStatus(listed.id, signal));
    if (!status) return undefined;
    const state = sandboxState(status, ready);
    memory.sandboxes.set(state.id, state);
    return state;
  };

  const completeContainer = async (listed: Container, early: Promise<ContainerStatus | undefined> | undefined, signal: AbortSignal): Promise<ContainerState | undefined> => {
    const uid = listed.labels[podUidLabel];
    if (uid === undefined) return undefined;
    const settled = memory.containers.get(listed.id);
    if (settled && (settled.state === 'exited' || listed.state === 'CONTAINER_RUNNING')) return withItsEnd(settled);
    memory.learn(uid, 'containers', listed.id);
    if (listed.state === 'CONTAINER_CREATED' && !early) return containerState(listed, listed.pod_sandbox_id);
    const first = await early;
    // A status that was asked for beside the list may be older than the list.
    const status = first && order[first.state] >= order[listed.state] ? first : await containerStatus(listed.id, signal);
    if (!status) return undefined;
    const state = containerState(status, listed.pod_sandbox_id);
    if (state.state === 'running' || state.state === 'exited') memory.containers.set(state.id, state);
    return withItsEnd(state);
  };

  /** The end that an event told of, where the runtime's status does not show it yet, and the kernel's reason for it. */
  const withItsEnd = (state: ContainerState): ContainerState => {
    const exit = memory.exits.get(state.id);
    const ended: ContainerState = state.state === 'running' && exit
      ? { ...state, state: 'exited', exitCode: exit.exitCode, finishedAtMs: Math.max(state.startedAtMs, exit.finishedAtMs), reason: exit.exitCode === 0 ? 'Completed' : 'Error' }
      : state;
    return ended.state === 'exited' && ended.exitCode === 137 && memory.outOfMemory.has(ended.id) ? { ...ended, reason: 'OOMKilled' } : ended;
  };

  return {
    async observe(podUid, signal) {
      const ids = memory.idsOf(podUid);
      const earlySandboxes = ask(ids.sandboxes, (id) => memory.sandboxes.has(id), (id) => sandboxStatus(id, signal));
      const earlyContainers = ask(ids.containers, (id) => memory.containers.has(id), (id) => containerStatus(id, signal));
      const listed = await list(selector(owner, podUid), signal);
      const [sandboxes, containers] = await Promise.all([
        Promise.all(listed.sandboxes.map((sandbox) => completeSandbox(sandbox, earlySandboxes.get(sandbox.id), signal))),
        Promise.all(listed.containers.map((container) => completeContainer(container, earlyContainers.get(container.id), signal))),
      ]);
      return observation(sandboxes, containers);
    },
    async observeAll(signal) {
      const listed = await list(selector(owner), signal);
      const sandboxes = await inTurns(listed.sandboxes, (sandbox) => completeSandbox(sandbox, undefined, signal));
      const containers = await inTurns(listed.containers, (container) => completeContainer(container, undefined, signal));
      const uids = new Set([...sandboxes, ...containers].flatMap((state) => (state ? [state.pod.uid] : [])));
      const byUid = <State extends SandboxState | ContainerState>(states: readonly (State | undefined)[]) => Map.groupBy(states.filter((state) => state !== undefined), (state) => state.pod.uid);
      const [sandboxesOf, containersOf] = [byUid(sandboxes), byUid(containers)];
      return new Map([...uids].map((uid) => [uid, observation(sandboxesOf.get(uid) ?? [], containersOf.get(uid) ?? [])]));
    },
  };
}

const order: Readonly<Record<CriContainerState, number>> = { CONTAINER_UNKNOWN: 0, CONTAINER_CREATED: 1, CONTAINER_RUNNING: 2, CONTAINER_EXITED: 3 };
const states = { CONTAINER_CREATED: 'created', CONTAINER_RUNNING: 'running', CONTAINER_EXITED: 'exited', CONTAINER_UNKNOWN: 'unknown' } as const;

function observation(sandboxes: readonly (SandboxState | undefined)[], containers: readonly (ContainerState | undefined)[]): Observation {
  const newestFirst = (a: SandboxState | ContainerState, b: SandboxState | ContainerState) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs;
  return {
    sandboxes: sandboxes.filter((state) => state !== undefined).sort(newestFirst),
    containers: containers.filter((state) => state !== undefined).sort(newestFirst),
  };
}

function sandboxState(status: PodSandboxStatus, ready: boolean): SandboxState {
  const { [configAnnotation]: _, ...annotations } = status.annotations;
  const addresses = [status.network?.ip ?? '', ...(status.network?.additional_ips ?? []).map(({ ip }) => ip)];
  return {
    id: status.id,
    pod: podOf(status.labels),
    attempt: status.metadata?.attempt ?? 0,
    ready,
    createdAtMs: milliseconds(status.created_at),
    ips: addresses.filter((address) => address !== ''),
    network: status.linux?.namespaces?.options?.network === 'NODE' ? 'node' : 'pod',
    labels: status.labels,
    annotations,
  };
}

function containerState(from: Container | ContainerStatus, sandboxId: string): ContainerState {
  const { [imageAnnotation]: image, ...annotations } = from.annotations;
  const status: Partial<ContainerStatus> = 'log_path' in from ? from : {};
  const startedAtMs = milliseconds(status.started_at ?? 0);
  return {
    id: from.id,
    sandboxId,
    pod: podOf(from.labels),
    name: from.metadata?.name ?? '',
    attempt: from.metadata?.attempt ?? 0,
    state: states[from.state],
    createdAtMs: milliseconds(from.created_at),
    startedAtMs,
    // containerd notes the start when it hears of it, which may be after a very short life.
    finishedAtMs: status.finished_at ? Math.max(startedAtMs, milliseconds(status.finished_at)) : 0,
    exitCode: status.exit_code ?? 0,
    reason: status.reason ?? '',
    message: status.message ?? '',
    image: image ?? from.image?.image ?? '',
    imageRef: from.image_ref,
    logPath: status.log_path ?? '',
    labels: from.labels,
    annotations,
  };
}

function milliseconds(nanoseconds: number): number {
  return Math.max(0, Math.floor(nanoseconds / 1e6));
}

/** Asks at once about the ids that are not settled. What fails here is asked again once the list has named the id. */
function ask<Status>(ids: ReadonlySet<string>, isSettled: (id: string) => boolean, status: (id: string) => Promise<Status | undefined>): Map<string, Promise<Status | undefined>> {
  return new Map([...ids].filter((id) => !isSettled(id)).map((id) => [id, status(id).catch(() => undefined)]));
}

async function ifPresent<Status>(status: Promise<Status>): Promise<Status | undefined> {
  try {
    return await status;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'not-found') return undefined;
    throw error;
  }
}

async function inTurns<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += statusesAtOnce) results.push(...(await Promise.all(items.slice(from, from + statusesAtOnce).map(work))));
  return results;
}
