// Gives each Pod that has no node the best one. Decisions are made one after another on the view of the cluster and
// count at once (assumed); telling the API is done meanwhile, and taken back if it fails.
import { isReason } from '../api/error.ts';
import { namespaces as namespaceResource } from '../api/kinds/namespace.ts';
import { nodes as nodeResource } from '../api/kinds/node.ts';
import { pods as podResource } from '../api/kinds/pod.ts';
import { isBeingDeleted, isPodFinished, sameJson } from '../api/meta.ts';
import type { Node, Pod } from '../api/types.ts';
import type { Clock } from '../base/clock.ts';
import { describe, type Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Runnable } from '../base/runnable.ts';
import { keyOf, keyText, type Client } from '../client/client.ts';
import { createEventRecorder } from '../client/event-recorder.ts';
import { createSharedInformers, type SharedInformers } from '../client/shared-informers.ts';
import { nodeChanges } from './changes.ts';
import { ClusterView } from './cluster-view.ts';
import { decide, type Refused } from './decide.ts';
import type { ClusterChange } from './filters/filter.ts';
import { filters } from './filters/index.ts';
import { fitMessage, preemptionMessage } from './fit-error.ts';
import { createOutcomes } from './outcomes.ts';
import { choosePreemption } from './preempt.ts';
import { SchedulingQueue, type Waiting } from './queue.ts';

export interface SchedulerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Those of the process, where there are some; else the scheduler runs its own. */
  readonly informers?: SharedInformers;
  /** Pods that name another are left alone. */
  readonly schedulerName?: string;
}

export function createScheduler(deps: SchedulerDeps): Runnable {
  return { name: 'scheduler', run: (signal) => runScheduler(deps, signal) };
}

/** Outcomes on their way to the API at once; further decisions wait for these. */
const mostOutcomes = 64;
/** Decisions are made for so long before others get their turn. */
const turnMs = 4;
/** At the end, Events have so long to leave. */
const flushMs = 500;

async function runScheduler(deps: SchedulerDeps, signal: AbortSignal): Promise<void> {
  const { client, clock, random, schedulerName = 'default-scheduler' } = deps;
  const log = deps.log.named('scheduler');
  const informers = deps.informers ?? createSharedInformers(deps);
  const nodes = informers.of(nodeResource);
  const pods = informers.of(podResource);
  const namespaces = informers.of(namespaceResource);
  const recorder = createEventRecorder({ client, clock, random, log: deps.log, component: schedulerName });
  const outcomes = createOutcomes({ client, clock, recorder, schedulerName });
  const cluster = new ClusterView((name) => namespaces.get({ namespace: '', name })?.metadata.labels);
  const queue = new SchedulingQueue(clock, wake);
  const working = new Set<Promise<void>>();
  let turn: 'none' | 'coming' | Disposable = 'none';
  let nextNode = 0;

  /** After the current turn, so that all changes that came together are seen first. */
  function wake(): void {
    if (turn !== 'none') return;
    turn = 'coming';
    queueMicrotask(decideAll);
  }

  function decideAll(): void {
    turn = 'none';
    const untilMs = clock.monotonicMs() + turnMs;
    while (!signal.aborted && working.size < mostOutcomes) {
      const waiting = queue.pop();
      if (!waiting) return;
      decideOne(waiting);
      if (clock.monotonicMs() < untilMs) continue;
      turn = clock.schedule(0, decideAll);
      return;
    }
  }

  function decideOne(waiting: Waiting): void {
    const { needs } = waiting;
    const decision = decide(needs, cluster, nextNode, random);
    if (decision.type === 'nowhere') return refuse(waiting, decision.refused);
    nextNode = (nextNode + decision.looked) % cluster.nodes.length;
    cluster.assume(needs, decision.node.name);
    carryOut(bind(waiting, decision.node.name));
  }

  async function bind(waiting: Waiting, nodeName: string): Promise<void> {
    const { needs } = waiting;
    try {
      await outcomes.bind(needs.pod, nodeName, signal);
    } catch (error) {
      if (cluster.isAssumed(needs.uid)) cluster.remove(needs.uid);
      queue.wake('pod-left');
      // Gone, or placed by someone else: the informer tells which.
      if (signal.aborted || isReason(error, 'NotFound', 'Conflict')) return queue.retry(waiting);
      log.warn('binding failed', { pod: keyText(keyOf(needs.pod)), node: nodeName, error });
      queue.retry(waiting);
      await outcomes.explain(needs.pod, 'SchedulerError', `binding rejected: ${describe(error)}`, signal);
    }
  }

  function refuse(waiting: Waiting, refused: readonly Refused[]): void {
    const { needs } = waiting;
    const refusedBy = new Set(refused.map(({ by }) => by));
    const wokenBy = new Set<ClusterChange>(['node-added']);
    for (const filter of filters) if (refusedBy.has(filter.name)) for (const change of filter.wokenBy) wokenBy.add(change);
    queue.park(waiting, wokenBy);
    if (mayPreempt(needs.pod, needs.priority)) {
      const preemption = choosePreemption(needs, refused, cluster);
      if (preemption) {
        const victims = preemption.victims.map(({ pod }) => pod);
        carryOut(outcomes.explain(needs.pod, 'Unschedulable', fitMessage(refused, ''), signal));
        return carryOut(outcomes.giveWay(victims, needs.pod, preemption.node.name, signal));
      }
    }
    const preemption = needs.pod.spec.preemptionPolicy === 'Never' ? 'preemption: not eligible due to preemptionPolicy=Never.' : preemptionMessage(refused);
    carryOut(outcomes.explain(needs.pod, 'Unschedulable', fitMessage(refused, preemption), signal));
  }

  /** Not while those who gave way for it before are still on their way out. */
  function mayPreempt({ spec, status }: Pod, priority: number): boolean {
    if (spec.preemptionPolicy === 'Never') return false;
    const nominated = status.nominatedNodeName ? cluster.node(status.nominatedNodeName) : undefined;
    return !nominated || ![...nominated.pods.values()].some((other) => other.priority < priority && isBeingDeleted(other.pod));
  }

  function carryOut(outcome: Promise<void>): void {
    const work = outcome
      .catch((error: unknown) => {
        if (!signal.aborted && !isReason(error, 'NotFound', 'Conflict')) log.warn('could not tell the API', { error });
      })
      .finally(() => {
        working.delete(work);
        wake();
      });
    working.add(work);
  }

  function nodeChanged(before: Node | undefined, after: Node | undefined): void {
    if (after) cluster.setNode(after);
    else if (before) cluster.removeNode(before.metadata.name);
    for (const change of nodeChanges(before, after)) queue.wake(change);
  }

  function podChanged(before: Pod | undefined, after: Pod | undefined): void {
    if (before && before.metadata.uid !== after?.metadata.uid) podLeft(before.metadata.uid);
    if (!after) return;
    const { uid } = after.metadata;
    if (isPodFinished(after)) return podLeft(uid);
    if (after.spec.nodeName) {
      const wasPlaced = cluster.nodeOf(uid) !== undefined && !cluster.isAssumed(uid);
      cluster.confirm(after);
      queue.remove(uid);
      if (!wasPlaced) queue.wake('pod-placed');
      else if (before && !sameJson(before.metadata.labels, after.metadata.labels)) queue.wake('pod-labels');
      return;
    }
    if (isBeingDeleted(after)) queue.remove(uid);
    else if (!cluster.isAssumed(uid) && (after.spec.schedulerName || 'default-scheduler') === schedulerName) queue.put(after);
  }

  function podLeft(uid: string): void {
    queue.remove(uid);
    if (!cluster.nodeOf(uid)) return;
    cluster.remove(uid);
    queue.wake('pod-left');
  }

  const running = deps.informers ? undefined : informers.run(signal);
  const aborted = new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
  await Promise.race([Promise.all([nodes.synced, pods.synced, namespaces.synced]), aborted]);
  const subscriptions = signal.aborted ? [] : [nodes.onChange(nodeChanged), pods.onChange(podChanged)];
  await aborted;
  for (const subscription of subscriptions) subscription[Symbol.dispose]();
  if (typeof turn === 'object') (turn as Disposable)[Symbol.dispose]();
  await Promise.all(working);
  queue.clear();
  const giveUp = new AbortController();
  using _ = clock.schedule(flushMs, () => giveUp.abort());
  await recorder.flush(giveUp.signal);
  await running;
}
