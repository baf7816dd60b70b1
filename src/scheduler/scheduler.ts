// Gives each Pod that has no node the best one. Decisions are made one after another on the view of the cluster and
// count at once (assumed); telling the API is done meanwhile, and taken back if it fails.
import { isReason } from '../api/error.ts';
import { namespaces as namespaceResource } from '../api/kinds/namespace.ts';
import { kinds } from '../api/kinds/index.ts';
import { nodes as nodeResource } from '../api/kinds/node.ts';
import { podDisruptionBudgets as budgetResource } from '../api/kinds/pod-disruption-budget.ts';
import { persistentVolumeClaims as claimResource } from '../api/kinds/persistent-volume-claim.ts';
import { persistentVolumes as volumeResource } from '../api/kinds/persistent-volume.ts';
import { pods as podResource } from '../api/kinds/pod.ts';
import { services as serviceResource } from '../api/kinds/service.ts';
import { storageClasses as classResource } from '../api/kinds/storage-class.ts';
import type { Resource } from '../api/kind.ts';
import { conditionOf, isBeingDeleted, isPodFinished, sameJson } from '../api/meta.ts';
import type { KubeObject, Node, Pod } from '../api/types.ts';
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
import type { ChangeDetail, ClusterChange, Filter } from './filters/filter.ts';
import { filters } from './filters/index.ts';
import { fitMessage, notPreempting, preemptionMessage } from './fit-error.ts';
import { groupOfPod, type Workload } from './groups.ts';
import { createOutcomes } from './outcomes.ts';
import type { Sample } from './node-sample.ts';
import { needsOf, type PodNeeds } from './pod-needs.ts';
import { choosePreemption } from './preempt.ts';
import { SchedulingQueue, type Waiting } from './queue.ts';
import { SchedulerMetrics } from './scheduler-metrics.ts';
import { bindVolumes } from './volumes/bind-volumes.ts';
import { placeClaims, type PlacedClaims } from './volumes/place-claims.ts';
import { podClaims } from './volumes/pod-claims.ts';
import { VolumeView } from './volumes/volume-view.ts';

export interface SchedulerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Those of the process, where there are some; else the scheduler runs its own. */
  readonly informers?: SharedInformers;
  /** Pods that name another are left alone. */
  readonly schedulerName?: string;
  /** What it counts of its work, where someone wants to know. */
  readonly metrics?: SchedulerMetrics;
}

export function createScheduler(deps: SchedulerDeps): Runnable {
  return { name: 'scheduler', run: (signal) => runScheduler(deps, signal) };
}

/** Outcomes on their way to the API at once; further decisions wait for these. */
const mostOutcomes = 256;
/** Decisions are made for so long before others get their turn. */
const turnMs = 4;
/** Controllers whose Pods are spread when nobody says how. */
const grouping: ReadonlySet<string> = new Set(['ReplicationController', 'ReplicaSet', 'StatefulSet']);
const podHasLeft = new Error('the pod is going or gone');
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
  const claims = informers.of(claimResource);
  const volumes = informers.of(volumeResource);
  const classes = informers.of(classResource);
  const volumeView = new VolumeView({
    claim: (namespace, name) => claims.get({ namespace, name }),
    volume: (name) => volumes.get({ namespace: '', name }),
    volumes: () => volumes.list(),
    storageClass: (name) => classes.get({ namespace: '', name }),
  });
  const cluster = new ClusterView((name) => namespaces.get({ namespace: '', name })?.metadata.labels, volumeView);
  const budgets = informers.of(budgetResource);
  const services = informers.of(serviceResource);
  const workloads = new Map(kinds.filter(({ kind }) => grouping.has(kind)).map((kind) => [kind.kind, informers.of(kind as Resource as Resource<Workload>)]));
  cluster.groupOf = (pod) => groupOfPod(pod, { services: (namespace) => services.list(namespace), workload: (kind, namespace, name) => workloads.get(kind)?.get({ namespace, name }) });
  const { metrics = new SchedulerMetrics(schedulerName) } = deps;
  const queue = new SchedulingQueue(clock, wake, metrics.came);
  metrics.follow(() => queue.sizes, () => cluster.sizes);
  /** Bindings that are on their way at the end get as long as Events do. */
  const ending = new AbortController();
  /** Pods for which others are just being told to go, by UID. */
  const preempting = new Set<string>();
  const working = new Set<Promise<void>>();
  /** Pods whose volumes are being bound, which may take long: they hold up nobody else. By UID, and ended with the Pod. */
  const bindingVolumes = new Map<string, AbortController>();
  const longWorking = new Set<Promise<void>>();
  let turn: 'none' | 'coming' | Disposable = 'none';
  let nextNode = 0;
  let sample: Sample | undefined;

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
    const startedMs = clock.monotonicMs();
    const decision = decide(needs, cluster, nextNode, random, sample);
    metrics.decided(clock.monotonicMs() - startedMs);
    if (decision.type === 'nowhere') {
      refuse(waiting, decision.refused);
      return metrics.attempted('unschedulable', clock.monotonicMs() - startedMs);
    }
    sample = decision.sample;
    nextNode = (nextNode + decision.looked) % cluster.nodes.length;
    const placed = placedClaims(needs.pod, decision.node.node!);
    cluster.assume(needs, decision.node.name);
    if (!placed) return carryOut(bind(waiting, decision.node.name, startedMs));
    volumeView.assume(needs.uid, decision.node.name, placed);
    carryOut(bind(waiting, decision.node.name, startedMs, placed), longWorking);
  }

  /** Undefined: nothing is to be bound before the Pod is. */
  function placedClaims(pod: Pod, node: Node): PlacedClaims | undefined {
    const claimed = podClaims(pod, volumeView);
    if (claimed === undefined || typeof claimed === 'string' || claimed.waiting.length === 0) return undefined;
    const placed = placeClaims(claimed, node, volumeView);
    return 'bindings' in placed ? placed : undefined;
  }

  async function bindVolumesOf({ uid }: PodNeeds, nodeName: string, placed: PlacedClaims): Promise<void> {
    const left = new AbortController();
    bindingVolumes.set(uid, left);
    try {
      await bindVolumes(placed, nodeName, { client, clock, claims }, AbortSignal.any([signal, left.signal]));
    } finally {
      bindingVolumes.delete(uid);
      volumeView.forget(uid);
    }
  }

  async function bind(waiting: Waiting, nodeName: string, startedMs: number, placed?: PlacedClaims): Promise<void> {
    const { needs } = waiting;
    try {
      if (placed) await bindVolumesOf(needs, nodeName, placed);
      await outcomes.bind(needs.pod, nodeName, ending.signal);
      const nowMs = clock.monotonicMs();
      metrics.attempted('scheduled', nowMs - startedMs);
      metrics.scheduled(waiting.attempts, nowMs - (waiting.firstTriedMs ?? startedMs));
    } catch (error) {
      metrics.attempted('error', clock.monotonicMs() - startedMs);
      // It may be done all the same, or be placed by someone else: its room is given to others only when it is not.
      const actual = await outcomes.nodeOf(needs.pod, ending.signal).catch(() => undefined);
      if (!cluster.isAssumed(needs.uid)) return;
      if (actual) return cluster.assume(needs, actual);
      const node = cluster.nodeOf(needs.uid);
      cluster.remove(needs.uid);
      if (needs.pod.status.nominatedNodeName) cluster.nominate(needs, needs.pod.status.nominatedNodeName);
      queue.wake('pod-left', { pod: needs.pod, node });
      queue.retry(waiting);
      if (signal.aborted || isReason(error, 'NotFound', 'Conflict')) return;
      log.warn('binding failed', { pod: keyText(keyOf(needs.pod)), node: nodeName, error });
      await outcomes.explain(needs.pod, 'SchedulerError', `binding rejected: ${describe(error)}`, signal);
    }
  }

  function refuse(waiting: Waiting, refused: readonly Refused[]): void {
    const { needs } = waiting;
    const names = new Set(refused.map(({ by }) => by));
    const refusedBy = filters.filter(({ name }) => names.has(name));
    queue.park(waiting, (change, detail) => mayHelp(refusedBy, change, detail, waiting.needs));
    const explain = (more: string) => carryOut(outcomes.explain(needs.pod, 'Unschedulable', fitMessage(refused, more), signal));
    if (refused.length === 0) return explain('');
    const ineligible = whyNotPreempt(needs, refused);
    if (ineligible) return explain(notPreempting(ineligible));
    const preemption = choosePreemption(needs, refused, cluster, budgets.list(), random);
    metrics.preempted(preemption.type === 'room' ? preemption.victims.length : undefined);
    if (preemption.type === 'none') {
      if (cluster.withdraw(needs.uid)) carryOut(outcomes.withdraw(needs.pod, signal));
      return explain(preemptionMessage(preemption.reasons));
    }
    const { node, victims } = preemption;
    const lesser = cluster.nominatedTo(node.name).filter(({ priority }) => priority < needs.priority);
    for (const { uid } of lesser) cluster.withdraw(uid);
    cluster.nominate(needs, node.name);
    explain('');
    carryOut(clear(needs, node.name, victims, lesser));
  }

  async function clear(needs: PodNeeds, nodeName: string, victims: readonly PodNeeds[], lesser: readonly PodNeeds[]): Promise<void> {
    preempting.add(needs.uid);
    try {
      await outcomes.giveWay(victims.map(({ pod }) => pod), needs.pod, nodeName, lesser.map(({ pod }) => pod), signal);
    } catch (error) {
      queue.again(needs.uid);
      throw error;
    } finally {
      preempting.delete(needs.uid);
    }
  }

  function mayHelp(refusedBy: readonly Filter[], change: ClusterChange, detail: ChangeDetail, needs: PodNeeds): boolean {
    // There was no node at all.
    if (refusedBy.length === 0) return change === 'node-added';
    return refusedBy.some((filter) => (change === 'node-added' || filter.wokenBy.includes(change)) && (filter.mayHelp?.(change, detail, needs, cluster) ?? true));
  }

  /** Not while those who gave way for it before are still on their way out, unless it could not go there any more. */
  function whyNotPreempt({ pod, uid, priority }: PodNeeds, refused: readonly Refused[]): string | undefined {
    if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
    const nominated = cluster.node(cluster.nominatedNode(uid) ?? pod.status.nominatedNodeName ?? '');
    if (!nominated || refused.some(({ node, refusal }) => node === nominated && refusal.isFinal)) return undefined;
    const isClearing = preempting.has(uid) || [...nominated.pods.values()].some((other) => other.priority < priority && isPreempted(other.pod));
    return isClearing ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
  }

  function carryOut(outcome: Promise<void>, among = working): void {
    const work = outcome
      .catch((error: unknown) => {
        if (!signal.aborted && !isReason(error, 'NotFound', 'Conflict')) log.warn('could not tell the API', { error });
      })
      .finally(() => {
        among.delete(work);
        wake();
      });
    among.add(work);
  }

  function nodeChanged(before: Node | undefined, after: Node | undefined): void {
    const node = after && cluster.setNode(after);
    if (!after && before) cluster.removeNode(before.metadata.name);
    for (const change of nodeChanges(before, after)) queue.wake(change, { node });
  }

  function podChanged(before: Pod | undefined, after: Pod | undefined): void {
    if (before && before.metadata.uid !== after?.metadata.uid) podLeft(before);
    if (!after) return;
    const { uid } = after.metadata;
    if (isPodFinished(after)) return podLeft(after);
    if (after.spec.nodeName) {
      const wasPlaced = cluster.nodeOf(uid) !== undefined && !cluster.isAssumed(uid);
      cluster.confirm(after);
      queue.remove(uid);
      if (!wasPlaced) queue.wake('pod-placed', { pod: after, node: cluster.nodeOf(uid) });
      // An ending Pod no longer counts where Pods are spread.
      else if (before && (isBeingDeleted(before) !== isBeingDeleted(after) || !sameJson(before.metadata.labels, after.metadata.labels))) queue.wake('pod-labels', { pod: after, before });
      return;
    }
    if (isBeingDeleted(after)) return podLeft(after);
    if (cluster.isAssumed(uid) || (after.spec.schedulerName || 'default-scheduler') !== schedulerName) return;
    queue.put(after);
    if (before?.status.nominatedNodeName !== after.status.nominatedNodeName) nominationChanged(after);
  }

  function nominationChanged(pod: Pod): void {
    const { nominatedNodeName } = pod.status;
    const { uid } = pod.metadata;
    if (nominatedNodeName) return cluster.nominate(needsOf(pod), nominatedNodeName);
    cluster.withdraw(uid);
    queue.again(uid);
  }

  function podLeft(pod: Pod): void {
    const { uid } = pod.metadata;
    queue.remove(uid);
    bindingVolumes.get(uid)?.abort(podHasLeft);
    const nominated = cluster.nominatedNode(uid);
    if (nominated !== undefined && cluster.withdraw(uid)) queue.wake('pod-left', { pod, node: cluster.node(nominated) });
    const node = cluster.nodeOf(uid);
    if (!node) return;
    cluster.remove(uid);
    queue.wake('pod-left', { pod, node });
  }

  function namespaceChanged(before: KubeObject | undefined, after: KubeObject | undefined): void {
    if (!sameJson(before?.metadata.labels, after?.metadata.labels)) cluster.counts.namespacesChanged();
  }

  const running = deps.informers ? undefined : informers.run(signal);
  const aborted = new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
  await Promise.race([Promise.all([nodes, pods, namespaces, budgets, services, claims, volumes, classes, ...workloads.values()].map(({ synced }) => synced)), aborted]);
  const wakesWhen = (change: ClusterChange) => (_: unknown, after: unknown) => void (after && queue.wake(change));
  const subscriptions = signal.aborted
    ? []
    : [
        nodes.onChange(nodeChanged),
        pods.onChange(podChanged),
        namespaces.onChange(namespaceChanged),
        claims.onChange(wakesWhen('claim')),
        volumes.onChange(wakesWhen('volume')),
        classes.onChange(wakesWhen('storage-class')),
      ];
  await aborted;
  for (const subscription of subscriptions) subscription[Symbol.dispose]();
  if (typeof turn === 'object') (turn as Disposable)[Symbol.dispose]();
  using _ = clock.schedule(flushMs, () => ending.abort());
  await Promise.all([...working, ...longWorking]);
  queue.clear();
  await recorder.flush(ending.signal);
  await running;
}

/** On its way out because the scheduler told it to go. */
function isPreempted(pod: Pod): boolean {
  const target = conditionOf(pod.status.conditions, 'DisruptionTarget');
  return isBeingDeleted(pod) && target?.status === 'True' && target.reason === 'PreemptionByScheduler';
}
