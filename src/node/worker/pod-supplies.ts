// What a Pod's containers need before they can start, fetched once and as early as possible: volumes, images, and the
// objects they refer to. Volumes follow their objects for as long as the Pod lives.
import { join } from 'node:path';
import { sameJson } from '../../api/meta.ts';
import type { Pod, Volume } from '../../api/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { ImageInfo } from '../../runtime/runtime.ts';
import { ensureImage } from '../images/ensure-image.ts';
import type { NodeWorld } from '../node-settings.ts';
import { abortable } from '../pod/abortable.ts';
import type { PodContainer } from '../pod/containers.ts';
import type { PodReferences, References } from '../references/references.ts';
import { createPodTokens, type PodTokens } from '../volumes/pod-tokens.ts';
import { VolumeError, type PreparedVolumes } from '../volumes/pod-volumes.ts';
import type { PreparedVolume } from '../volumes/volume-kind.ts';

const volumeRetry = { initialMs: 500, longestMs: 122_000 };

export class PodSupplies {
  readonly podDir: string;
  readonly references: PodReferences;
  #pod: Pod;
  #prepared: Promise<PreparedVolumes> | undefined;
  #refreshing: Promise<void> | undefined;
  #failures = 0;
  #timer: Disposable | undefined;
  readonly #tokens: PodTokens;
  /** Volumes that are made once: later rounds leave them as their containers have them. */
  readonly #places = new Map<string, PreparedVolume>();
  readonly #images = new Map<string, Promise<ImageInfo>>();
  readonly #world: NodeWorld;
  readonly #signal: AbortSignal;
  readonly #referenceChanged: () => void;

  /** `signal` ends all fetching. `changed` is told when something referred to has changed: what failed may work now. */
  constructor(world: NodeWorld, references: References, pod: Pod, changed: () => void, signal: AbortSignal) {
    this.#world = world;
    this.#pod = pod;
    this.#signal = signal;
    this.#tokens = createPodTokens(world.client, world.clock);
    this.podDir = join(world.dirs.pods, pod.metadata.uid);
    this.#referenceChanged = changed;
    this.references = references.forPod(pod.metadata.namespace ?? '', () => this.#changed());
  }

  /** Labels and annotations may show in downward volumes. */
  update(pod: Pod): void {
    const before = this.#pod;
    this.#pod = pod;
    if (this.#prepared && !(sameJson(before.metadata.labels, pod.metadata.labels) && sameJson(before.metadata.annotations, pod.metadata.annotations))) this.#refresh();
  }

  /** Rejects with VolumeError; the next call after that tries again once its time has come. */
  volumes(): Promise<PreparedVolumes> {
    this.#prepared ??= this.#prepare();
    return abortable(this.#prepared, this.#signal);
  }

  /** When a failed volume may be tried again, from now. */
  get volumeRetryMs(): number {
    return backoffMs(this.#failures, volumeRetry);
  }

  /** The image as found or pulled; a second call during the first joins it, one after it looks again. */
  image(container: PodContainer): Promise<ImageInfo> {
    const waiting = this.#images.get(container.name);
    if (waiting) {
      this.#images.delete(container.name);
      return waiting;
    }
    return ensureImage(this.#world, this.#pod, container, this.references, this.#signal);
  }

  /** Begins to fetch what the first containers will need, while the sandbox is being made. */
  prefetch(containers: readonly PodContainer[]): void {
    this.volumes().catch(() => {});
    for (const container of containers) {
      if (this.#images.has(container.name)) continue;
      const image = ensureImage(this.#world, this.#pod, container, this.references, this.#signal);
      image.catch(() => {});
      this.#images.set(container.name, image);
    }
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.references[Symbol.dispose]();
  }

  async remove(signal: AbortSignal): Promise<void> {
    this.stop();
    await this.#prepared?.catch(() => {});
    await this.#refreshing;
    await this.#world.files.removePodDirectory(this.podDir, this.#world.runtime, signal);
  }

  async #prepare(): Promise<PreparedVolumes> {
    const { clock, allocatable, hostIPs, events, runtime, node, files } = this.#world;
    const facts = { podIPs: [], hostIPs };
    try {
      const image = ({ name, image: wanted }: Volume) =>
        ensureImage(this.#world, this.#pod, { name, spec: { image: wanted?.reference, imagePullPolicy: wanted?.pullPolicy }, fieldPath: undefined }, this.references, this.#signal);
      const prepared = await files.prepareVolumes(this.podDir, { pod: this.#pod, tokens: this.#tokens, clock, references: this.references, facts, allocatable, image, runtime, node }, this.#places, this.#signal);
      this.#failures = 0;
      this.#timer?.[Symbol.dispose]();
      if (prepared.refreshAfterMs !== undefined) this.#timer = clock.schedule(prepared.refreshAfterMs, () => this.#refresh());
      return prepared;
    } catch (error) {
      this.#failures++;
      this.#prepared = undefined;
      if (error instanceof VolumeError && !this.#signal.aborted) {
        events.event({ apiVersion: 'v1', kind: 'Pod', metadata: this.#pod.metadata }, 'Warning', 'FailedMount', error.message);
      }
      throw error;
    }
  }

  #changed(): void {
    this.#failures = 0;
    if (this.#prepared) this.#refresh();
    this.#referenceChanged();
  }

  /** One at a time; a volume that cannot be brought up to date keeps what it has. */
  #refresh(): void {
    if (this.#signal.aborted) return;
    const run = async () => {
      await this.#refreshing;
      const before = this.#prepared;
      await this.#prepare().catch(() => {
        this.#prepared ??= before;
        if (!this.#signal.aborted) this.#timer = this.#world.clock.schedule(this.volumeRetryMs, () => this.#refresh());
      });
    };
    this.#refreshing = run();
  }
}
