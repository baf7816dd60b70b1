// What happens in the runtime, as it happens: from CRI's own stream, or from containerd's events, which every version of
// containerd has and which also tell of the kernel's out-of-memory kills. Ends are remembered as they pass, because
// containerd tells of them before its CRI statuses show them.
//
//   connecting ──subscribed──▶ listening ──stream broke──▶ waiting ──back-off over──▶ connecting
//                (resync)
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { describe, type Log } from '../../base/log.ts';
import type { RuntimeEvent } from '../runtime.ts';
import { timeMs, type ContainerdEvent, type CriConnection } from './connection.ts';
import { podOf } from './labels.ts';
import type { Memory } from './memory.ts';
import type { ContainerStatus, PodSandboxStatus } from './messages.ts';
import { GrpcError } from './wire/grpc.ts';

export type EventSource = 'containerd' | 'cri';

const reconnect = { initialMs: 50, longestMs: 5_000 };
/** How often everything is looked at where the runtime offers no events at all. */
const relistMs = 1_000;

export async function* runtimeEvents(cri: CriConnection, memory: Memory, source: EventSource, clock: Clock, log: Log, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
  const listen = source === 'containerd' ? containerdEvents : criEvents;
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const event of listen(cri, memory, clock, signal)) {
        failures = 0;
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      log.warn('the stream of events broke', { error: describe(error), failures });
      if (error instanceof GrpcError && error.status === 'Unimplemented') yield* relist(clock, signal);
    }
    if (!signal.aborted) await clock.sleep(backoffMs(Math.max(1, failures), reconnect), signal).catch(() => {});
  }
}

const containerdFilter = 'topic~="^/(tasks/(start|exec-started|exit|oom)|containers/delete|peapod/subscribed)$",namespace==k8s.io';
const subscribedTopic = '/peapod/subscribed';
/** Between the calls that ask to hear our own event. */
const echoMs = 20;

/**
 * A subscription does not tell when it has begun. So we publish an event of our own until it comes back: from then on
 * nothing is missed, and `resync` may be said.
 */
async function* containerdEvents(cri: CriConnection, memory: Memory, clock: Clock, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
  const token = `${process.pid}-${clock.monotonicMs()}`;
  const listening = new AbortController();
  const ended = AbortSignal.any([signal, listening.signal]);
  void publishUntil(cri, token, clock, ended);
  using following = new DisposableStack();
  try {
    for await (const event of cri.containerd.subscribe(containerdFilter, signal)) {
      if (event.topic === subscribedTopic) {
        if (event.body !== token || listening.signal.aborted) continue;
        listening.abort();
        following.use(memory.ids.follow());
        following.use(memory.execStarts.follow());
        yield { type: 'resync' };
        continue;
      }
      const translated = translate(event, memory);
      // What comes before our own event is remembered, and seen by the look that `resync` asks for.
      if (translated && listening.signal.aborted) yield translated;
    }
  } finally {
    listening.abort();
  }
}

async function publishUntil(cri: CriConnection, token: string, clock: Clock, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    // A failure shows in the subscription too, which goes the same way.
    await cri.containerd.publish(subscribedTopic, token, ended).catch(() => {});
    await clock.sleep(echoMs, ended).catch(() => {});
  }
}

function translate({ topic, atMs, body }: ContainerdEvent, memory: Memory): RuntimeEvent | undefined {
  const id: string = topic === '/containers/delete' ? body.id : body.container_id;
  const podUid = memory.ids.podUidOf(id);
  switch (topic) {
    case '/tasks/start':
      memory.ids.started(id);
      return { type: 'started', id, podUid };
    case '/tasks/exec-started':
      memory.execStarts.started(id);
      return undefined;
    case '/tasks/exit':
      // A task also tells of the ends of what was executed in it.
      if (body.id !== id) return undefined;
      memory.exited(id, { exitCode: body.exit_status, finishedAtMs: timeMs(body.exited_at) || atMs });
      return { type: 'exited', id, podUid };
    case '/tasks/oom':
      memory.outOfMemory.set(id, true);
      return { type: 'oom', id, podUid };
    case '/containers/delete':
      memory.forget(id);
      return { type: 'removed', id, podUid };
    default: return undefined;
  }
}

interface CriEvent {
  readonly container_id: string;
  readonly container_event_type: 'CONTAINER_CREATED_EVENT' | 'CONTAINER_STARTED_EVENT' | 'CONTAINER_STOPPED_EVENT' | 'CONTAINER_DELETED_EVENT';
  readonly pod_sandbox_status?: PodSandboxStatus;
  readonly containers_statuses: readonly ContainerStatus[];
}

const criTypes = { CONTAINER_STARTED_EVENT: 'started', CONTAINER_STOPPED_EVENT: 'exited', CONTAINER_DELETED_EVENT: 'removed' } as const;
/** By when a subscription has surely begun. */
const subscribedMs = 200;

/** CRI does not tell when the subscription has begun either, and lets nothing be published: `resync` is said again a little later. */
async function* criEvents(cri: CriConnection, memory: Memory, clock: Clock, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
  const events = cri.runtimeStream<CriEvent>('GetContainerEvents', {}, signal)[Symbol.asyncIterator]();
  yield { type: 'resync' };
  let next = events.next();
  const begun = clock.sleep(subscribedMs, signal).then(() => 'begun' as const, () => 'begun' as const);
  if ((await Promise.race([next, begun])) === 'begun') yield { type: 'resync' };
  try {
    for (let item = await next; !item.done; item = await next) {
      next = events.next();
      next.catch(() => {});
      const { container_id: id, container_event_type: what, pod_sandbox_status: sandbox } = item.value;
      if (what === 'CONTAINER_CREATED_EVENT') continue;
      const podUid = (sandbox && podOf(sandbox.labels).uid) || memory.ids.podUidOf(id);
      const status = item.value.containers_statuses.find((container) => container.id === id);
      if (status?.state === 'CONTAINER_EXITED') memory.exited(id, { exitCode: status.exit_code, finishedAtMs: Math.floor(status.finished_at / 1e6) });
      yield { type: criTypes[what], id, podUid };
    }
  } finally {
    await events.return?.();
  }
}

/** For a runtime that has no events: the one place that polls. */
async function* relist(clock: Clock, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
  while (!signal.aborted) {
    yield { type: 'resync' };
    await clock.sleep(relistMs, signal).catch(() => {});
  }
}
