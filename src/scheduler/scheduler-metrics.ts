// What the scheduler counts of its work, under kube-scheduler's names. Written down as increments; put into text when someone reads it.
import { exponentialBounds, Histogram } from '../base/histogram.ts';
import type { MetricsText } from '../base/metrics-text.ts';
import type { ClusterChange } from './filters/filter.ts';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';
export type QueueName = 'active' | 'backoff' | 'unschedulable' | 'gated';
export type QueueEvent = ClusterChange | 'PodAdd' | 'PodUpdate' | 'BackoffComplete' | 'ScheduleAttemptFailure' | 'UnschedulableTimeout' | 'ForceActivate';

const upstreamEvents: Readonly<Partial<Record<QueueEvent, string>>> = {
  'node-added': 'NodeAdd', 'node-resources': 'NodeAllocatableChange', 'node-labels': 'NodeLabelChange', 'node-taints': 'NodeTaintChange', 'node-unschedulable': 'NodeSpecUnschedulableChange',
  'pod-placed': 'AssignedPodAdd', 'pod-left': 'AssignedPodDelete', 'pod-labels': 'AssignedPodUpdate', claim: 'PersistentVolumeClaimUpdate', volume: 'PersistentVolumeUpdate', 'storage-class': 'StorageClassAdd',
};

/** Seconds from 1 ms, and from 10 ms. */
const attemptBounds = exponentialBounds(0.001, 2, 15);
const waitBounds = exponentialBounds(0.01, 2, 20);
const mostAttemptsTold = 15;

export class SchedulerMetrics {
  readonly #profile: string;
  readonly #attempts: Record<AttemptResult, Histogram> = { scheduled: new Histogram(attemptBounds), unschedulable: new Histogram(attemptBounds), error: new Histogram(attemptBounds) };
  readonly #algorithm = new Histogram(attemptBounds);
  /** By how often they were tried. */
  readonly #waits = new Map<string, Histogram>();
  readonly #tries = new Histogram(exponentialBounds(1, 2, 5));
  readonly #victims = new Histogram(exponentialBounds(1, 2, 7));
  readonly #incoming = new Map<QueueEvent, Record<QueueName, number>>();
  #preemptions = 0;
  #pending: () => Readonly<Record<QueueName, number>> = () => ({ active: 0, backoff: 0, unschedulable: 0, gated: 0 });
  #cached: () => Readonly<Record<'nodes' | 'pods' | 'assumed_pods', number>> = () => ({ nodes: 0, pods: 0, assumed_pods: 0 });

  constructor(profile = 'default-scheduler') {
    this.#profile = profile;
  }

  /** Who knows what waits, and what is there. */
  follow(pending: () => Readonly<Record<QueueName, number>>, cached: () => Readonly<Record<'nodes' | 'pods' | 'assumed_pods', number>>): void {
    this.#pending = pending;
    this.#cached = cached;
  }

  attempted(result: AttemptResult, tookMs: number): void {
    this.#attempts[result].observe(tookMs / 1000);
  }

  decided(tookMs: number): void {
    this.#algorithm.observe(tookMs / 1000);
  }

  /** A Pod has its node, so long after it was first tried. */
  scheduled(attempts: number, waitedMs: number): void {
    const label = attempts >= mostAttemptsTold ? `${mostAttemptsTold}+` : String(attempts);
    let waits = this.#waits.get(label);
    if (!waits) this.#waits.set(label, (waits = new Histogram(waitBounds)));
    waits.observe(waitedMs / 1000);
    this.#tries.observe(attempts);
  }

  /** It was looked for a node that could be cleared; with so many victims, where one was found. */
  preempted(victims: number | undefined): void {
    this.#preemptions++;
    if (victims !== undefined) this.#victims.observe(victims);
  }

  readonly came = (queue: QueueName, event: QueueEvent): void => {
    let counts = this.#incoming.get(event);
    if (!counts) this.#incoming.set(event, (counts = { active: 0, backoff: 0, unschedulable: 0, gated: 0 }));
    counts[queue]++;
  };

  write(text: MetricsText): void {
    const profile = this.#profile;
    const results = Object.entries(this.#attempts).filter(([, { count }]) => count > 0);
    const total = text.family('scheduler_schedule_attempts_total', 'counter', "[STABLE] Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.");
    for (const [result, { count }] of results) total({ profile, result }, count);
    text.family('scheduler_scheduling_attempt_duration_seconds', 'histogram', '[STABLE] Scheduling attempt latency in seconds (scheduling algorithm + binding)');
    for (const [result, histogram] of results) text.observed('scheduler_scheduling_attempt_duration_seconds', { profile, result }, histogram);
    text.family('scheduler_scheduling_algorithm_duration_seconds', 'histogram', '[ALPHA] Scheduling algorithm latency in seconds');
    text.observed('scheduler_scheduling_algorithm_duration_seconds', {}, this.#algorithm);
    text.family('scheduler_pod_scheduling_sli_duration_seconds', 'histogram', '[BETA] E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve multiple scheduling attempts.');
    for (const [attempts, histogram] of this.#waits) text.observed('scheduler_pod_scheduling_sli_duration_seconds', { attempts }, histogram);
    text.family('scheduler_pod_scheduling_attempts', 'histogram', '[STABLE] Number of attempts to successfully schedule a pod.');
    text.observed('scheduler_pod_scheduling_attempts', {}, this.#tries);
    const pending = text.family('scheduler_pending_pods', 'gauge', "[STABLE] Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated.");
    for (const [queue, count] of Object.entries(this.#pending())) pending({ queue }, count);
    const incoming = text.family('scheduler_queue_incoming_pods_total', 'counter', '[STABLE] Number of pods added to scheduling queues by event and queue type.');
    for (const [event, counts] of this.#incoming) for (const [queue, count] of Object.entries(counts)) if (count > 0) incoming({ event: upstreamEvents[event] ?? event, queue }, count);
    text.one('scheduler_preemption_attempts_total', 'counter', '[STABLE] Total preemption attempts in the cluster till now', this.#preemptions);
    text.family('scheduler_preemption_victims', 'histogram', '[STABLE] Number of selected preemption victims');
    text.observed('scheduler_preemption_victims', {}, this.#victims);
    const cached = text.family('scheduler_cache_size', 'gauge', '[ALPHA] Number of nodes, pods, and assumed (bound) pods in the scheduler cache.');
    for (const [type, count] of Object.entries(this.#cached())) cached({ type }, count);
  }
}
