// When the API server saw what becomes of Pods: made, bound, ready, told to end, gone. Noted in the same breath as each commit,
// from what is decoded anyway; nothing is written. Of Pods that are gone it is remembered for a while.
import { pods as podKind } from '../api/kinds/index.ts';
import type { PodTimeline, TimelineMoment } from '../api/kinds/pod-timeline.ts';
import { isPodReady } from '../api/meta.ts';
import type { Pod } from '../api/types.ts';
import { parseTime, type Clock } from '../base/clock.ts';
import type { Cache } from './watch/cache.ts';

/** So many Pods that are gone are remembered, for so long: the ones that went first are forgotten first. */
const mostGone = 1000;
const goneMs = 3_600_000;
/** A Pod's readiness may come and go for ever; the newest of that is kept, and the rest counted. */
const mostFlips = 100;

export interface PodRecord {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  nodeName: string | undefined;
  readonly moments: TimelineMoment[];
  flips: TimelineMoment[] | undefined;
  droppedFlips: number;
  isReady: boolean;
  ending: { readonly graceSeconds: number } | undefined;
  /** Once it is gone: what it had been. */
  gone: { readonly atMs: number; readonly what: PodIdentity } | undefined;
}

export interface PodIdentity {
  readonly containers: PodTimeline['containers'];
  readonly labels: Readonly<Record<string, string>> | undefined;
}

export interface KnownPod extends PodIdentity {
  readonly record: PodRecord;
}

export class PodMoments {
  readonly #clock: Clock;
  readonly #cache: Cache;
  /** The newest of each name that has changed since we started, by `namespace/name`. */
  readonly #living = new Map<string, PodRecord>();
  /** In the order in which they went, by UID. */
  readonly #gone = new Map<string, PodRecord>();

  constructor(cache: Cache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
    if (!cache.has(podKind)) return;
    cache.of(podKind).watch(
      {
        selection: { namespace: undefined, name: undefined, filed: undefined, isWhole: true, matches: () => true },
        deliver: ({ notes }) => {
          for (const { type, item } of notes) {
            if (type === 'DELETED') item.peek((object) => this.#wentAway(item.sortKey, object as Pod));
            else item.peek((object) => this.#changed(item.sortKey, object as Pod, type === 'ADDED'));
          }
        },
      },
      cache.revision,
    );
  }

  /** The newest of this name, be it there or gone. */
  newest(namespace: string, name: string): KnownPod | undefined {
    const pod = this.#cache.get<Pod>(podKind, { namespace, name });
    if (pod) return this.#known(pod);
    this.#forgetOld();
    const gone = [...this.#gone.values()].findLast((one) => one.namespace === namespace && one.name === name);
    return gone && { record: gone, ...gone.gone!.what };
  }

  /** Those that are there, and those that are gone; of a namespace, or of all. */
  all(namespace: string | undefined): KnownPod[] {
    this.#forgetOld();
    const living = this.#cache.list<Pod>(podKind, namespace).map((pod) => this.#known(pod));
    const gone = [...this.#gone.values()].filter((one) => namespace === undefined || one.namespace === namespace);
    return [...living, ...gone.map((record) => ({ record, ...record.gone!.what }))];
  }

  #known(pod: Pod): KnownPod {
    const record = this.#living.get(`${pod.metadata.namespace}/${pod.metadata.name}`);
    return { record: record?.uid === pod.metadata.uid ? record : this.#recordOf(pod, true), ...identityOf(pod) };
  }

  #changed(key: string, pod: Pod, isNew: boolean): void {
    let record = this.#living.get(key);
    if (record?.uid !== pod.metadata.uid) {
      record = this.#recordOf(pod, !isNew);
      this.#living.set(key, record);
      if (!isNew) return;
    }
    const nowMs = this.#clock.wallMs();
    if (pod.spec.nodeName && record.nodeName === undefined) {
      record.nodeName = pod.spec.nodeName;
      record.moments.push({ atMs: nowMs, type: 'Bound', node: pod.spec.nodeName });
    }
    const isReady = isPodReady(pod);
    if (isReady !== record.isReady) {
      record.isReady = isReady;
      flip(record, { atMs: nowMs, type: isReady ? 'Ready' : 'Unready' });
    }
    const { deletionTimestamp, deletionGracePeriodSeconds: graceSeconds = 0 } = pod.metadata;
    if (deletionTimestamp && record.ending?.graceSeconds !== graceSeconds) {
      record.moments.push({ atMs: nowMs, type: record.ending ? 'GraceShortened' : 'EndAsked', graceSeconds });
      record.ending = { graceSeconds };
    }
  }

  #wentAway(key: string, pod: Pod): void {
    const { record, ...what } = this.#known(pod);
    this.#living.delete(key);
    record.gone = { atMs: this.#clock.wallMs(), what };
    record.moments.push({ atMs: record.gone.atMs, type: 'Gone' });
    this.#gone.set(record.uid, record);
    this.#forgetOld();
  }

  /** `isOld`: what is known of it is what it says itself, to the second. */
  #recordOf(pod: Pod, isOld: boolean): PodRecord {
    const { namespace = '', name, uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds = 0 } = pod.metadata;
    const record: PodRecord = { namespace, name, uid, nodeName: undefined, moments: [], flips: undefined, droppedFlips: 0, isReady: false, ending: undefined, gone: undefined };
    if (!isOld) {
      record.moments.push({ atMs: this.#clock.wallMs(), type: 'Created' });
      return record;
    }
    const told = (text: string | null | undefined): { atMs: number; approximate: true } => ({ atMs: (text && parseTime(text)) || parseTime(creationTimestamp), approximate: true });
    const since = (type: string) => pod.status?.conditions?.find((one) => one.type === type)?.lastTransitionTime;
    record.moments.push({ ...told(creationTimestamp), type: 'Created' });
    if (pod.spec.nodeName) {
      record.nodeName = pod.spec.nodeName;
      record.moments.push({ ...told(since('PodScheduled')), type: 'Bound', node: pod.spec.nodeName });
    }
    record.isReady = isPodReady(pod);
    if (record.isReady) flip(record, { ...told(since('Ready')), type: 'Ready' });
    if (deletionTimestamp) {
      record.moments.push({ atMs: parseTime(deletionTimestamp) - graceSeconds * 1000, approximate: true, type: 'EndAsked', graceSeconds });
      record.ending = { graceSeconds };
    }
    return record;
  }

  #forgetOld(): void {
    const oldestMs = this.#clock.wallMs() - goneMs;
    for (const [uid, { gone }] of this.#gone) {
      if (this.#gone.size <= mostGone && (gone?.atMs ?? 0) >= oldestMs) return;
      this.#gone.delete(uid);
    }
  }
}

/** The first is kept, being the Pod's start. */
function flip(record: PodRecord, moment: TimelineMoment): void {
  const flips = (record.flips ??= []);
  if (flips.length === mostFlips) {
    flips.splice(1, 1);
    record.droppedFlips++;
  }
  flips.push(moment);
}

function identityOf({ metadata, spec }: Pod): PodIdentity {
  const containers = [
    ...(spec.initContainers ?? []).map(({ name, restartPolicy }) => ({ name, role: restartPolicy === 'Always' ? ('sidecar' as const) : ('init' as const) })),
    ...spec.containers.map(({ name }) => ({ name, role: 'app' as const })),
    ...(spec.ephemeralContainers ?? []).map(({ name }) => ({ name, role: 'ephemeral' as const })),
  ];
  return { containers, labels: metadata.labels };
}
