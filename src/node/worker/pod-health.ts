// What hooks and probes know of a Pod's running containers: which have started, which are ready, which must be killed.
import type { Pod } from '../../api/types.ts';
import type { Observation } from '../../runtime/runtime.ts';
import type { NodeWorld } from '../node-settings.ts';
import { containerNamed, latestOf, type PodContainer } from '../pod/containers.ts';
import type { Unhealthy } from '../plan/memory.ts';
import { startProbes, type ContainerProbes, type ProbeCounts } from '../probes/container-probes.ts';

export class PodHealth {
  readonly started = new Set<string>();
  readonly ready = new Set<string>();
  readonly unhealthy = new Map<string, Unhealthy>();
  readonly #probes = new Map<string, ContainerProbes>();
  readonly #names = new Map<string, string>();
  readonly #inHook = new Set<string>();
  /** Names of containers that are being started and have a hook to come: others' steps may see them run before it has begun. */
  readonly #awaitingHook = new Set<string>();
  #ending = false;
  readonly #world: NodeWorld;
  readonly #changed: () => void;

  constructor(world: NodeWorld, changed: () => void) {
    this.#world = world;
    this.#changed = changed;
  }

  /** Before the container is started, whose id is not known yet; until `startEnded`. */
  startBegins(name: string): void {
    this.#awaitingHook.add(name);
  }

  startEnded(name: string): void {
    this.#awaitingHook.delete(name);
  }

  /** Until `hookEnded` the container counts as not started and is not probed. */
  hookBegins(id: string): void {
    this.#inHook.add(id);
  }

  hookEnded(id: string, failed: boolean): void {
    this.#inHook.delete(id);
    if (failed) this.unhealthy.set(id, { why: 'postStart' });
  }

  /** Probes what runs now, and stops probing what does not. */
  observed(pod: Pod, seen: Observation): void {
    const running = new Set<string>();
    for (const state of seen.containers) {
      if (state.state !== 'running' || latestOf(seen, state.name) !== state) continue;
      const container = containerNamed(pod, state.name);
      if (!container || container.role === 'ephemeral') continue;
      running.add(state.id);
      if (this.#probes.has(state.id) || this.#inHook.has(state.id) || this.#awaitingHook.has(state.name) || this.unhealthy.has(state.id)) continue;
      const podIP = seen.sandboxes.find(({ id }) => id === state.sandboxId)?.ips[0] ?? this.#world.hostIPs[0] ?? '127.0.0.1';
      this.#probe(pod, container, state.id, podIP, state.startedAtMs);
    }
    for (const id of this.#probes.keys()) if (!running.has(id)) this.#forget(id);
    for (const id of this.unhealthy.keys()) if (!running.has(id)) this.unhealthy.delete(id);
  }

  /** How often each container's probes were asked. */
  *probeCounts(): Generator<{ readonly container: string; readonly counts: ProbeCounts }> {
    for (const [id, { counts }] of this.#probes) yield { container: this.#names.get(id) ?? '', counts };
  }

  /** From now on only readiness is asked for. */
  podEnds(): void {
    this.#ending = true;
    for (const probes of this.#probes.values()) probes.stopLivenessAndStartup();
  }

  stop(): void {
    for (const id of this.#probes.keys()) this.#forget(id);
  }

  #probe(pod: Pod, container: PodContainer, id: string, podIP: string, startedAtMs: number): void {
    const { runtime, clock, events } = this.#world;
    const told = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].find(({ containerID }) => containerID?.endsWith(`//${id}`));
    const earlier = { started: told?.started ?? false, ready: told?.ready ?? false };
    const probes = startProbes({ runtime, clock, pod, container, containerId: id, podIP }, startedAtMs, earlier, events, () => {
      this.#judge(pod, container, id);
      this.#changed();
    });
    if (this.#ending) probes.stopLivenessAndStartup();
    this.#probes.set(id, probes);
    this.#names.set(id, container.name);
    this.#judge(pod, container, id);
  }

  #judge({ metadata }: Pod, container: PodContainer, id: string): void {
    const probes = this.#probes.get(id);
    if (!probes) return;
    const { startup, liveness, readiness } = probes.verdicts;
    const [was, is] = [this.ready.has(id), startup === 'success' && readiness === 'success'];
    if (container.spec.startupProbe && startup === 'success' && !this.started.has(id)) this.#world.timelines.note(metadata.uid, 'StartupPassed', { container: container.name });
    // An init container has nobody to be ready for.
    if (is !== was && container.role !== 'init') this.#world.timelines.note(metadata.uid, is ? 'ContainerReady' : 'ContainerUnready', { container: container.name });
    set(this.started, id, startup === 'success');
    set(this.ready, id, is);
    const why = startup === 'failure' ? 'startup' : liveness === 'failure' ? 'liveness' : undefined;
    if (!why || this.#ending) return;
    const seconds = container.spec[`${why}Probe`]?.terminationGracePeriodSeconds;
    this.unhealthy.set(id, { why, graceMs: seconds === undefined ? undefined : seconds * 1000 });
  }

  #forget(id: string): void {
    this.#probes.get(id)?.stop();
    this.#probes.delete(id);
    this.#names.delete(id);
    this.started.delete(id);
    this.ready.delete(id);
  }
}

function set<T>(members: Set<T>, member: T, is: boolean): void {
  if (is) members.add(member);
  else members.delete(member);
}
