// Which sandboxes and containers the runtime has of each Pod, and whether that is all of them, so that it need not be
// listed again after each of our own actions. Only we make things of our Pods, and what else happens to them is told by
// events; so while events are followed
//
//   what a Pod has = what a list named that was asked for since then + what our calls made − what our calls or events removed
//
// Whatever breaks this sum makes us list again:
//   · the stream of events broke, or began anew            → of no Pod all is known (a new age begins)
//   · something started that neither a list nor a call named, once no sandbox of ours is being made (which starts before
//     its call is answered): somebody else makes things    → a new age as well
//   · a call that makes something failed or was cut off: it may have made it nevertheless, even later → never again for this Pod
//   · a Pod had to be forgotten for want of room           → of a Pod that is not remembered, nothing is known
import { Recent } from './recent.ts';

export interface PodIds {
  readonly sandboxes: ReadonlySet<string>;
  /** With the sandbox that each is in. */
  readonly containers: ReadonlyMap<string, string>;
}

interface Remembered extends PodIds {
  readonly sandboxes: Set<string>;
  readonly containers: Map<string, string>;
  /** The age in which these are all that the Pod has; 0: there may be more. */
  wholeIn: number;
  isDoubtful: boolean;
}

/** What was made before an answer said whose it is; more than this, and it is somebody else's. */
const mostStrangers = 1000;

export class KnownIds {
  readonly #pods = new Recent<Remembered>();
  readonly #podUids = new Recent<string>();
  /** Counts up whenever something may have been missed. */
  #age = 1;
  #followers = 0;
  /** The age in which every Pod is remembered that the runtime has anything of. */
  #allIn = 0;
  #beingMade = 0;
  readonly #strangers = new Set<string>();

  /** From now on no event is missed, until disposed. */
  follow(): Disposable {
    this.#newAge();
    this.#followers++;
    return { [Symbol.dispose]: () => {
      this.#newAge();
      this.#followers--;
    } };
  }

  podUidOf(id: string): string | undefined {
    return this.#podUids.get(id);
  }

  /** What is remembered of a Pod; there may be more. */
  of(podUid: string): PodIds {
    return this.#pods.get(podUid) ?? nothing;
  }

  /** All that a Pod has. Undefined: ask the runtime. */
  allOf(podUid: string): PodIds | undefined {
    if (this.#followers === 0) return undefined;
    const pod = this.#pods.get(podUid);
    if (!pod) return this.#allIn === this.#age ? nothing : undefined;
    return pod.wholeIn === this.#age && !pod.isDoubtful ? pod : undefined;
  }

  /** Whether a list of everything would be of use: the next Pod that comes will then be known to have nothing. */
  get lacksAll(): boolean {
    return this.#followers > 0 && this.#allIn !== this.#age;
  }

  /** To be had before a list is asked for: what it names is whole only if nothing was missed since then. */
  get age(): number {
    return this.#followers > 0 ? this.#age : 0;
  }

  /** A list that was asked for at this age has named all that the Pod has. */
  isWhole(podUid: string, age: number): void {
    if (age !== 0) this.#remember(podUid).wholeIn = age;
  }

  /** A list that was asked for at this age has named all Pods. Call it when they have been learnt. */
  areAll(age: number): void {
    this.#allIn = age;
  }

  learnSandbox(podUid: string, id: string): void {
    this.#learn(podUid, id).sandboxes.add(id);
  }

  learnContainer(podUid: string, id: string, sandboxId: string): void {
    this.#learn(podUid, id).containers.set(id, sandboxId);
  }

  /** It is gone; gives what went with it. */
  forget(id: string): readonly string[] {
    this.#strangers.delete(id);
    const pod = this.#pods.get(this.#podUids.get(id) ?? '');
    const within = pod?.sandboxes.has(id) ? [...pod.containers].filter(([, sandboxId]) => sandboxId === id).map(([container]) => container) : [];
    for (const gone of [id, ...within]) {
      pod?.sandboxes.delete(gone);
      pod?.containers.delete(gone);
      this.#podUids.delete(gone);
    }
    return within;
  }

  /** The Pod may have more than is remembered, now or later. */
  doubt(podUid: string): void {
    this.#remember(podUid).isDoubtful = true;
  }

  /** Makes a sandbox; what starts meanwhile may be it. */
  async whileMaking<T>(make: () => Promise<T>): Promise<T> {
    this.#beingMade++;
    try {
      return await make();
    } finally {
      this.#beingMade--;
      this.#judgeStrangers();
    }
  }

  /** An event told that this runs. */
  started(id: string): void {
    if (this.#podUids.has(id)) return;
    this.#strangers.add(id);
    this.#judgeStrangers();
  }

  #judgeStrangers(): void {
    if (this.#strangers.size === 0 || (this.#beingMade > 0 && this.#strangers.size < mostStrangers)) return;
    this.#newAge();
  }

  #newAge(): void {
    this.#age++;
    this.#strangers.clear();
  }

  #learn(podUid: string, id: string): Remembered {
    this.#podUids.set(id, podUid);
    this.#strangers.delete(id);
    return this.#remember(podUid);
  }

  #remember(podUid: string): Remembered {
    let pod = this.#pods.get(podUid);
    if (!pod) {
      pod = { sandboxes: new Set(), containers: new Map(), wholeIn: this.#allIn === this.#age ? this.#age : 0, isDoubtful: false };
      if (this.#pods.set(podUid, pod)) this.#allIn = 0;
    }
    return pod;
  }
}

const nothing: PodIds = { sandboxes: new Set(), containers: new Map() };
