// What the runtime has of one Pod or of all. Two lists tell what there is, unless that is known (pod-ids.ts); a sandbox'
// addresses and a container's times are in its own status. On the way to Ready this is asked often: lists and the statuses
// of ids that are already known go out together, and what cannot change any more is not asked again.
import { RuntimeError, type ContainerState, type Observation, type SandboxState } from '../runtime.ts';
import type { CriConnection } from './connection.ts';
import { configAnnotation, imageAnnotation, podOf, podUidLabel, selector, stopSignalAnnotation } from './labels.ts';
import type { Memory } from './memory.ts';
import type { Container, ContainerStatus, CriContainerState, PodSandbox, PodSandboxStatus } from './messages.ts';

export interface Observer {
  observe(podUid: string, signal: AbortSignal): Promise<Observation>;
  observeAll(signal: AbortSignal): Promise<ReadonlyMap<string, Observation>>;
}

interface Listed {
  readonly sandboxes: readonly PodSandbox[];
  readonly containers: readonly Container[];
}

/** Statuses asked for at once by `observeAll`. */
const statusesAtOnce = 32;

export function createObserver(cri: CriConnection, memory: Memory, owner: string | undefined): Observer {
  const list = async (labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Listed> => {
    const filter = { label_selector: labels };
    const [sandboxes, containers] = await Promise.all([
      cri.runtime<{ items: PodSandbox[] }>('ListPodSandbox', { filter }, signal),
      cri.runtime<{ containers: Container[] }>('ListContainers', { filter }, signal),
    ]);
    // What bears no UID is nobody's Pod.
    const isPods = ({ labels }: PodSandbox | Container) => labels[podUidLabel] !== undefined;
    return { sandboxes: sandboxes.items.filter(isPods), containers: containers.containers.filter(isPods) };
  };
  const sandboxStatus = (id: string, signal: AbortSignal) =>
    ifPresent(cri.runtime<{ status?: PodSandboxStatus }>('PodSandboxStatus', { pod_sandbox_id: id }, signal).then(({ status }) => status));
  const containerStatus = (id: string, signal: AbortSignal) =>
    ifPresent(cri.runtime<{ status?: ContainerStatus }>('ContainerStatus', { container_id: id }, signal).then(({ status }) => status));

  const completeSandbox = async (listed: PodSandbox, early: Promise<PodSandboxStatus | undefined> | undefined, signal: AbortSignal): Promise<SandboxState | undefined> => {
    const ready = listed.state === 'SANDBOX_READY' && !memory.hasEnded(listed.id);
    const settled = memory.sandboxes.get(listed.id);
    if (settled) return settled.ready === ready ? settled : { ...settled, ready };
    const status = (await early) ?? (await sandboxStatus(listed.id, signal));
    return status && settleSandbox(status, ready);
  };

  /** One that is not ready is asked about again, unless we know why: it may still be in the making. */
  const settleSandbox = (status: PodSandboxStatus, ready: boolean): SandboxState => {
    const state = sandboxState(status, ready);
    if (ready || memory.hasEnded(state.id)) memory.sandboxes.set(state.id, state);
    return state;
  };

  const completeContainer = async (listed: Container, early: Promise<ContainerStatus | undefined> | undefined, signal: AbortSignal): Promise<ContainerState | undefined> => {
    const settled = memory.containers.get(listed.id);
    if (settled && (settled.state === 'exited' || listed.state === 'CONTAINER_RUNNING')) return withItsEnd(settled);
    if (listed.state === 'CONTAINER_CREATED' && !early) return containerState(listed, listed.pod_sandbox_id);
    const first = await early;
    // A status that was asked for beside the list may be older than the list.
    const status = first && order[first.state] >= order[listed.state] ? first : await containerStatus(listed.id, signal);
    return status && settleContainer(status, listed.pod_sandbox_id);
  };

  const settleContainer = (status: ContainerStatus, sandboxId: string): ContainerState => {
    const state = withOwnSignal(containerState(status, sandboxId));
    if (state.state === 'exited' || (state.state === 'running' && !memory.hasEnded(state.id))) memory.containers.set(state.id, state);
    else memory.containers.delete(state.id);
    return withItsEnd(state);
  };

  /** Without a list: asks only for what is not settled. */
  const knownSandbox = async (id: string, signal: AbortSignal): Promise<SandboxState | undefined> => {
    const settled = memory.sandboxes.get(id);
    if (settled) return settled;
    const status = await sandboxStatus(id, signal);
    return status ? settleSandbox(status, status.state === 'SANDBOX_READY' && !memory.hasEnded(id)) : void memory.forget(id);
  };

  const knownContainer = async (id: string, sandboxId: string, signal: AbortSignal): Promise<ContainerState | undefined> => {
    const settled = memory.containers.get(id);
    if (settled && (settled.state === 'exited' || !memory.hasEnded(id))) return withItsEnd(settled);
    const status = await containerStatus(id, signal);
    return status ? settleContainer(status, sandboxId) : void memory.forget(id);
  };

  /** Notes whose the listed ones are. Of a Pod whose sandboxes are as we would have said without the list, these are all. */
  const learn = ({ sandboxes, containers }: Listed, podUids: Iterable<string>, age: number) => {
    const contradicted = new Set<string>();
    for (const { id, state, labels } of sandboxes) {
      const uid = labels[podUidLabel]!;
      memory.ids.learnSandbox(uid, id);
      if (memory.sandboxes.get(id)?.ready && state !== 'SANDBOX_READY') contradicted.add(uid);
    }
    for (const { id, labels, pod_sandbox_id: sandboxId } of containers) memory.ids.learnContainer(labels[podUidLabel]!, id, sandboxId);
    for (const uid of podUids) if (!contradicted.has(uid)) memory.ids.isWhole(uid, age);
  };

  /** A signal of its own that the runtime does not tell of is one that it does not send either. */
  const withOwnSignal = (state: ContainerState): ContainerState => {
    const own = state.annotations[stopSignalAnnotation];
    if (!own || state.stopSignal) return state;
    memory.ownSignals.set(state.id, own);
    return { ...state, stopSignal: own };
  };

  /** The end that an event told of, where the runtime's status does not show it yet, and the kernel's reason for it. */
  const withItsEnd = (state: ContainerState): ContainerState => {
    const exit = memory.exits.get(state.id);
    const ended: ContainerState = state.state === 'running' && exit
      ? { ...state, state: 'exited', exitCode: exit.exitCode, finishedAtMs: Math.max(state.startedAtMs, exit.finishedAtMs), reason: exit.exitCode === 0 ? 'Completed' : 'Error' }
      : state;
    return ended.state === 'exited' && ended.exitCode === 137 && memory.outOfMemory.has(ended.id) ? { ...ended, reason: 'OOMKilled' } : ended;
  };

  /** Everything that is ours, by Pod. */
  const listAll = async (signal: AbortSignal) => {
    const { age } = memory.ids;
    const listed = await list(selector(owner), signal);
    const uids = new Set([...listed.sandboxes, ...listed.containers].map(({ labels }) => labels[podUidLabel]!));
    learn(listed, uids, age);
    memory.ids.areAll(age);
    return { uids, listed };
  };

  /** Those who look at the same time share one list, since it tells of all of them. Where it fails, each asks for itself. */
  let listing: { readonly age: number; readonly done: Promise<unknown> } | undefined;
  const learnAll = (signal: AbortSignal): Promise<unknown> => {
    const { age } = memory.ids;
    if (listing?.age === age) return listing.done;
    const done = listAll(signal).catch(() => {}).finally(() => {
      if (listing?.done === done) listing = undefined;
    });
    listing = { age, done };
    return done;
  };

  return {
    async observe(podUid, signal) {
      if (memory.ids.lacksAll) await learnAll(signal);
      const all = memory.ids.allOf(podUid);
      if (all) {
        const [sandboxes, containers] = await Promise.all([
          Promise.all([...all.sandboxes].map((id) => knownSandbox(id, signal))),
          Promise.all([...all.containers].map(([id, sandboxId]) => knownContainer(id, sandboxId, signal))),
        ]);
        return observation(sandboxes, containers);
      }
      const { age } = memory.ids;
      const ids = memory.ids.of(podUid);
      const earlySandboxes = ask(ids.sandboxes, (id) => memory.sandboxes.has(id), (id) => sandboxStatus(id, signal));
      const earlyContainers = ask(ids.containers.keys(), (id) => memory.containers.has(id), (id) => containerStatus(id, signal));
      const listed = await list(selector(owner, podUid), signal);
      learn(listed, [podUid], age);
      const [sandboxes, containers] = await Promise.all([
        Promise.all(listed.sandboxes.map((sandbox) => completeSandbox(sandbox, earlySandboxes.get(sandbox.id), signal))),
        Promise.all(listed.containers.map((container) => completeContainer(container, earlyContainers.get(container.id), signal))),
      ]);
      return observation(sandboxes, containers);
    },
    async observeAll(signal) {
      const { uids, listed } = await listAll(signal);
      const sandboxes = await inTurns(listed.sandboxes, (sandbox) => completeSandbox(sandbox, undefined, signal));
      const containers = await inTurns(listed.containers, (container) => completeContainer(container, undefined, signal));
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
  const linux = status.user?.linux;
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
    ...(linux ? { user: { uid: linux.uid, gid: linux.gid, supplementalGroups: linux.supplemental_groups } } : {}),
    ...(status.stop_signal && status.stop_signal !== 'RUNTIME_DEFAULT' ? { stopSignal: status.stop_signal } : {}),
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
function ask<Status>(ids: Iterable<string>, isSettled: (id: string) => boolean, status: (id: string) => Promise<Status | undefined>): Map<string, Promise<Status | undefined>> {
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
