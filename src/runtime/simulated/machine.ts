// A simulated machine: sandboxes, containers, addresses and images that are only data. It outlives the node agents that
// use it, as a real machine's containers do, and is lost whole when the machine is.
import { createHash } from 'node:crypto';
import { Channel } from '../../base/channel.ts';
import type { Clock } from '../../base/clock.ts';
import { normalizeImageName } from '../image-name.ts';
import type { ImageInfo, Observation, RuntimeEvent, SandboxState } from '../runtime.ts';
import { SimulatedContainer } from './container.ts';
import { parseScript, scriptOfImage, type Script } from './script.ts';

export interface SimulatedMachineOptions {
  /** Names it in ids: no two machines of a cluster may share it. */
  readonly name: string;
  readonly clock: Clock;
  /** The addresses of its Pods, IPv4: `10.128.0.0/24`. */
  readonly podRange: string;
  /** What containers of an image do, by the image's name as Pods write it. */
  readonly images?: Readonly<Record<string, string>>;
  /** Images that are there without being pulled. `all`: every one of `localhost/`. */
  readonly present?: 'all' | readonly string[];
  /** The names by which sandboxes may be run (RuntimeClass). Default: any. */
  readonly handlers?: readonly string[];
}

/** Events that may wait for one listener; when more come, it is told `resync` in their place. */
const queuedEvents = 10_000;
const imageBytes = 20 * 2 ** 20;
const nobody: ReadonlySet<Channel<RuntimeEvent>> = new Set();

export interface SandboxPlace {
  readonly uid: string;
  readonly hostname: string;
  readonly logDirectory: string;
}

/** Of one Pod, newest first. */
interface PodData {
  sandboxes: readonly SandboxState[];
  containers: readonly SimulatedContainer[];
}

export class SimulatedMachine {
  readonly name: string;
  readonly clock: Clock;
  readonly handlers: readonly string[] | undefined;
  readonly #pods = new Map<string, PodData>();
  readonly #sandboxes = new Map<string, SandboxPlace>();
  readonly #containers = new Map<string, SimulatedContainer>();
  readonly #scripts: ReadonlyMap<string, Script>;
  readonly #present: 'all' | ReadonlySet<string>;
  readonly #pulled = new Set<string>();
  #listeners: ReadonlySet<Channel<RuntimeEvent>> = nobody;
  readonly #firstAddress: number;
  readonly #addresses: number;
  readonly #takenAddresses = new Set<number>();
  #nextAddress = 0;
  #made = 0;

  /** Throws ScriptError for an image's script that makes no sense: its path is `images["NAME"]…`. */
  constructor({ name, clock, podRange, images = {}, present = 'all', handlers }: SimulatedMachineOptions) {
    this.handlers = handlers;
    this.name = name;
    this.clock = clock;
    this.#scripts = new Map(Object.entries(images).map(([image, text]) => [normalizeImageName(image), parseScript(text, `images[${JSON.stringify(image)}]`, 'image')]));
    this.#present = present === 'all' ? present : new Set(present.map(normalizeImageName));
    const [address, bits] = podRange.split('/');
    this.#addresses = 2 ** (32 - Number(bits)) - 3;
    this.#firstAddress = address!.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + 2;
  }

  newId(): string {
    return createHash('sha256').update(`${this.name}/${this.#made++}`).digest('hex');
  }

  // --- Pods ---

  observe(uid: string): Observation {
    const data = this.#pods.get(uid);
    return { sandboxes: data?.sandboxes ?? [], containers: data?.containers.map(({ state }) => state) ?? [] };
  }

  get podUids(): IterableIterator<string> {
    return this.#pods.keys();
  }

  get containers(): IterableIterator<SimulatedContainer> {
    return this.#containers.values();
  }

  /** By all that run, now. */
  get memoryUsedBytes(): number {
    let bytes = 0;
    for (const container of this.#containers.values()) bytes += container.memoryBytes;
    return bytes;
  }

  container(id: string): SimulatedContainer | undefined {
    return this.#containers.get(id);
  }

  sandbox(id: string): SandboxState | undefined {
    return this.#pods.get(this.#sandboxes.get(id)?.uid ?? '')?.sandboxes.find((one) => one.id === id);
  }

  containersOf(sandboxId: string): readonly SimulatedContainer[] {
    return this.#pods.get(this.#sandboxes.get(sandboxId)?.uid ?? '')?.containers.filter(({ state }) => state.sandboxId === sandboxId) ?? [];
  }

  placeOf(sandboxId: string): SandboxPlace | undefined {
    return this.#sandboxes.get(sandboxId);
  }

  addSandbox(sandbox: SandboxState, place: SandboxPlace): void {
    this.#sandboxes.set(sandbox.id, place);
    const data = this.#pods.get(sandbox.pod.uid);
    if (data) data.sandboxes = [sandbox, ...data.sandboxes];
    else this.#pods.set(sandbox.pod.uid, { sandboxes: [sandbox], containers: [] });
    this.tell({ type: 'started', podUid: sandbox.pod.uid, id: sandbox.id });
  }

  addContainer(container: SimulatedContainer): void {
    const { id, pod } = container.state;
    this.#containers.set(id, container);
    const data = this.#pods.get(pod.uid)!;
    data.containers = [container, ...data.containers].sort((a, b) => b.state.attempt - a.state.attempt);
  }

  removeContainer(id: string): void {
    const container = this.#containers.get(id);
    if (!container) return;
    container.kill();
    this.#containers.delete(id);
    const { uid } = container.state.pod;
    const data = this.#pods.get(uid)!;
    data.containers = data.containers.filter((one) => one !== container);
    this.#forgetIfEmpty(uid, data);
    this.tell({ type: 'removed', podUid: uid, id });
  }

  /** Its network goes and its containers end. */
  stopSandbox(id: string): void {
    const sandbox = this.sandbox(id);
    if (!sandbox?.ready) return;
    for (const container of this.containersOf(id)) container.kill();
    for (const ip of sandbox.ips) this.#takenAddresses.delete(numberOf(ip));
    const data = this.#pods.get(sandbox.pod.uid)!;
    data.sandboxes = data.sandboxes.map((one) => (one === sandbox ? { ...sandbox, ready: false } : one));
    this.tell({ type: 'exited', podUid: sandbox.pod.uid, id });
  }

  removeSandbox(id: string): void {
    this.stopSandbox(id);
    const sandbox = this.sandbox(id);
    if (!sandbox) return;
    for (const { state } of this.containersOf(id)) this.removeContainer(state.id);
    const { uid } = sandbox.pod;
    const data = this.#pods.get(uid)!;
    data.sandboxes = data.sandboxes.filter((one) => one !== sandbox);
    this.#sandboxes.delete(id);
    this.#forgetIfEmpty(uid, data);
    this.tell({ type: 'removed', podUid: uid, id });
  }

  /** The machine stops without a word, and all that ran on it is gone. */
  powerOff(): void {
    this.#listeners = nobody;
    for (const container of this.#containers.values()) container.kill();
    this.#containers.clear();
    this.#pods.clear();
    this.#sandboxes.clear();
    this.#takenAddresses.clear();
  }

  /** Undefined when all are taken. */
  takeAddress(): string | undefined {
    for (let tried = 0; tried < this.#addresses; tried++) {
      const number = this.#firstAddress + this.#nextAddress;
      this.#nextAddress = (this.#nextAddress + 1) % this.#addresses;
      if (this.#takenAddresses.has(number)) continue;
      this.#takenAddresses.add(number);
      return addressOf(number);
    }
    return undefined;
  }

  // --- images ---

  /** Throws ScriptError for a tag that makes no sense, RuntimeError `invalid-image` for what is no name. */
  scriptOf(image: string): Script | undefined {
    return this.#scripts.get(normalizeImageName(image)) ?? scriptOfImage(image, `image ${JSON.stringify(image)}`);
  }

  hasImage(name: string): boolean {
    return this.#pulled.has(name) || (this.#present === 'all' ? name.startsWith('localhost/') : this.#present.has(name));
  }

  get images(): readonly string[] {
    return [...new Set([...this.#pulled, ...(this.#present === 'all' ? [] : this.#present)])];
  }

  addImage(name: string): void {
    this.#pulled.add(name);
  }

  removeImage(name: string): void {
    this.#pulled.delete(name);
  }

  // --- events ---

  tell(event: RuntimeEvent): void {
    for (const listener of this.#listeners) listener.push(event);
  }

  async *events(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    while (!signal.aborted) {
      const channel = new Channel<RuntimeEvent>(queuedEvents, () => new Overflow('the listener fell behind'));
      this.#listeners = new Set([...this.#listeners, channel]);
      try {
        yield { type: 'resync' };
        yield* channel.read(signal);
      } catch (error) {
        if (!(error instanceof Overflow)) throw error;
      } finally {
        this.#listeners = new Set([...this.#listeners].filter((other) => other !== channel));
      }
    }
  }

  #forgetIfEmpty(uid: string, { sandboxes, containers }: PodData): void {
    if (sandboxes.length + containers.length === 0) this.#pods.delete(uid);
  }
}

class Overflow extends Error {
  override readonly name = 'Overflow';
}

/** The same for every machine, and of the simulated images only the name matters. */
const infos = new Map<string, ImageInfo>();
const mostInfos = 10_000;

export function imageInfo(name: string): ImageInfo {
  let info = infos.get(name);
  if (!info) {
    const id = `sha256:${createHash('sha256').update(name).digest('hex')}`;
    const repository = name.replace(/[@].*$/, '').replace(/:[^/:]*$/, '');
    info = { id, tags: name.includes('@') ? [] : [name], digests: [name.includes('@') ? name : `${repository}@${id}`], sizeBytes: imageBytes, pinned: false };
    if (infos.size >= mostInfos) infos.clear();
    infos.set(name, info);
  }
  return info;
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function addressOf(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
