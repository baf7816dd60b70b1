// How the resize of one Pod goes, from what is asked for to what its processes have.
//
//               the node has it                    all of it is done
//   asked for ──────────────────▶ granted ─────────────────────────▶ at rest
//     │  ▲                         (PodResizeInProgress)
//     ▼  │ room was made, or other things are asked for
//   pending (PodResizePending: Deferred, Infeasible)
//
// Both may be at once: while one resize is carried out the next may be pending.
import type { Container, Pod, PodCondition } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import type { Observation } from '../../runtime/runtime.ts';
import { containerNamed } from '../pod/containers.ts';
import { allocatedPod, fullAllocation, toldAllocation, type Allocation, type Resources } from './allocation.ts';

/** Why a resize cannot be granted: now, or ever on this node. */
export interface ResizeRefusal {
  readonly reason: 'Deferred' | 'Infeasible';
  readonly message: string;
}

export type Tell = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** What is yet to be done of what was granted. */
export interface ResizeWork {
  /** The Pod's own cgroup is to grow, or at the end to shrink. */
  readonly pod: boolean;
  /** Running containers by id. */
  readonly containers: ReadonlyMap<string, 'update' | 'restart'>;
}

/** The resources of a container, and those of its Pod as a whole. */
interface Given {
  readonly own: Resources;
  readonly whole: Resources | undefined;
}

interface Pending extends ResizeRefusal {
  readonly generation: number;
  readonly sinceMs: number;
}

interface Progress {
  readonly generation: number;
  readonly sinceMs: number;
  readonly error?: string;
}

export class PodResize {
  #allocation: Allocation;
  /** What a cgroup was last made for. */
  #before: Pod | undefined;
  /** The Pod's cgroup has room for both what was and what is granted. */
  #isWide = false;
  #pending: Pending | undefined;
  #progress: Progress | undefined;
  /** What running containers have, by id, where it may differ from what is granted. */
  readonly #actual = new Map<string, Given>();
  #lastView: { readonly of: Pod; readonly allocation: Allocation; readonly view: Pod } | undefined;

  constructor(pod: Pod) {
    this.#allocation = pod.status.startTime ? toldAllocation(pod) : fullAllocation(pod);
    for (const { containerID, resources, state } of [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])]) {
      if (containerID && resources && state?.running) this.#actual.set(containerID.replace(/^.*\/\//, ''), { own: resources, whole: pod.status.resources });
    }
  }

  /** Waits for room on the node. */
  get isDeferred(): boolean {
    return this.#pending?.reason === 'Deferred';
  }

  get before(): Pod | undefined {
    return this.#before;
  }

  get allocation(): Allocation {
    return this.#allocation;
  }

  /** The Pod as it is granted. All who look between two changes get the same. */
  view(pod: Pod): Pod {
    const last = this.#lastView;
    if (last?.of === pod && last.allocation === this.#allocation) return last.view;
    const view = allocatedPod(pod, this.#allocation);
    this.#lastView = { of: pod, allocation: this.#allocation, view };
    return view;
  }

  /** Grants what `pod` asks for, or says why not; true when that has changed anything. */
  consider(pod: Pod, refuse: (pod: Pod) => ResizeRefusal | undefined, nowMs: number, tell: Tell): boolean {
    const view = this.view(pod);
    if (view === pod) {
      const had = this.#pending !== undefined;
      this.#pending = undefined;
      return had;
    }
    const generation = pod.metadata.generation ?? 0;
    const refusal = refuse(pod);
    if (refusal) {
      const same = this.#pending?.reason === refusal.reason && this.#pending.message === refusal.message && this.#pending.generation === generation;
      if (same) return false;
      this.#pending = { ...refusal, generation, sinceMs: this.#pending?.reason === refusal.reason ? this.#pending.sinceMs : nowMs };
      tell('Warning', `Resize${refusal.reason}`, `Pod resize ${refusal.reason}: ${resizeText(pod, generation, refusal.message)}`);
      return true;
    }
    this.#before ??= view;
    this.#isWide = false;
    this.#allocation = fullAllocation(pod);
    this.#pending = undefined;
    this.#progress = { generation, sinceMs: nowMs };
    tell('Normal', 'ResizeStarted', `Pod resize started: ${resizeText(pod, generation)}`);
    return true;
  }

  /** Of the Pod as granted. Undefined: nothing. */
  work(pod: Pod, seen: Observation): ResizeWork | undefined {
    if (!this.#progress) return undefined;
    const containers = new Map<string, 'update' | 'restart'>();
    for (const { id, name, state } of seen.containers) {
      const spec = state === 'running' ? containerNamed(pod, name)?.spec : undefined;
      const actual = this.#actual.get(id);
      if (!spec || !actual) continue;
      const changed = changedResources({ own: spec.resources ?? {}, whole: pod.spec.resources }, actual);
      if (changed.length > 0) containers.set(id, changed.some((resource) => restartsFor(spec, resource)) ? 'restart' : 'update');
    }
    const isPodNext = this.#before !== undefined && (!this.#isWide || containers.size === 0);
    return this.#before !== undefined || containers.size > 0 ? { pod: isPodNext, containers } : undefined;
  }

  /** A container of this Pod has been made, or changed, to have these. */
  given(id: string, resources: Resources | undefined, { spec }: Pod): void {
    this.#actual.set(id, { own: resources ?? {}, whole: spec.resources });
  }

  podWidened(): void {
    this.#isWide = true;
  }

  podGiven(): void {
    this.#before = undefined;
  }

  forget(seen: Observation): void {
    for (const id of this.#actual.keys()) if (!seen.containers.some((state) => state.id === id)) this.#actual.delete(id);
  }

  /** What a running container has. */
  actual(id: string): Resources | undefined {
    return this.#actual.get(id)?.own;
  }

  failed(pod: Pod, message: string, tell: Tell): void {
    if (!this.#progress || this.#progress.error === message) return;
    this.#progress = { ...this.#progress, error: message };
    tell('Warning', 'ResizeError', `Pod resize error: ${resizeText(pod, this.#progress.generation, message)}`);
  }

  /** Nothing is left to do. */
  completed(pod: Pod, tell: Tell): void {
    if (!this.#progress) return;
    tell('Normal', 'ResizeCompleted', `Pod resize completed: ${resizeText(pod, this.#progress.generation)}`);
    this.#progress = undefined;
  }

  conditions(): PodCondition[] {
    const condition = (type: string, { generation, sinceMs }: Progress | Pending, reason?: string, message?: string): PodCondition => ({
      type, observedGeneration: generation, status: 'True', lastProbeTime: null as unknown as string, lastTransitionTime: formatTime(sinceMs),
      ...(reason ? { reason } : {}), ...(message ? { message } : {}),
    });
    const [pending, progress] = [this.#pending, this.#progress];
    return [
      ...(pending ? [condition('PodResizePending', pending, pending.reason, pending.message)] : []),
      ...(progress ? [condition('PodResizeInProgress', progress, progress.error && 'Error', progress.error)] : []),
    ];
  }
}

/** The resources of which a container has other than it should. Where it sets no limit, its Pod's is its own. */
function changedResources(wanted: Given, actual: Given): string[] {
  const limit = ({ own, whole }: Given, name: string) => own.limits?.[name] ?? whole?.limits?.[name];
  return ['cpu', 'memory'].filter((name) => wanted.own.requests?.[name] !== actual.own.requests?.[name] || limit(wanted, name) !== limit(actual, name));
}

function restartsFor({ resizePolicy }: Container, resource: string): boolean {
  return resizePolicy?.some((policy) => policy.resourceName === resource && policy.restartPolicy === 'RestartContainer') ?? false;
}

/** The Pod's resources as events of a resize show them. */
function resizeText({ spec }: Pod, generation: number, error?: string): string {
  const shown = (containers: readonly Container[] | undefined) => containers?.map(({ name, resources }) => ({ name, resources: resources ? sorted(resources) : {} }));
  const init = shown(spec.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always'));
  return JSON.stringify({ ...(init?.length ? { initContainers: init } : {}), containers: shown(spec.containers), generation, ...(error ? { error } : {}) });
}

function sorted({ limits, requests }: Resources): object {
  const byName = (amounts: Record<string, string>) => Object.fromEntries(Object.entries(amounts).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...(limits ? { limits: byName(limits) } : {}), ...(requests ? { requests: byName(requests) } : {}) };
}
