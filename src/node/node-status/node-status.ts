// Registers the Node and keeps its object and its lease fresh. Other parts of the cluster take a lease that is not
// renewed as the sign that the node is gone.
import { ApiError, isReason } from '../../api/error.ts';
import { leases } from '../../api/kinds/lease.ts';
import { nodes } from '../../api/kinds/node.ts';
import { sameJson } from '../../api/meta.ts';
import type { Lease, New, Node } from '../../api/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import { formatMicroTime } from '../../base/clock.ts';
import type { Runnable } from '../../base/runnable.ts';
import type { NodeWorld } from '../node-settings.ts';
import { nodeLabels, nodeStatus, type NodeIdentity } from './node-object.ts';

const leaseNamespace = 'kube-node-lease';
const defaultLeaseSeconds = 40;
const renewEveryMs = 10_000;
const refreshEveryMs = 300_000;
/** After a silence the node looks so long at what the API has of it: at once, and at the next two turns. */
const doubtMs = 2.5 * renewEveryMs;
const registerRetry = { initialMs: 50, longestMs: 5_000 };
/** While the runtime is not ready it is asked this often. */
const notReadyRetry = { initialMs: 20, longestMs: 1_000 };

const pressureReasons = [
  ['MemoryPressure', 'NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  ['DiskPressure', 'NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  ['PIDPressure', 'NodeHasInsufficientPID', 'NodeHasSufficientPID'],
] as const;

export class NodeStatus implements Runnable {
  readonly name = 'node-status';
  /** Resolves when the API has this node as Ready for the first time. */
  readonly ready: Promise<void>;
  readonly #markReady: () => void;
  readonly #identity: NodeIdentity;
  readonly #world: NodeWorld;
  #node: Node | undefined;
  #lease: Lease | undefined;
  #wake: (() => void) | undefined;
  /** Until then others may have written of this node what it must put right. */
  #doubtedUntilMs = -Infinity;

  constructor(identity: NodeIdentity, world: NodeWorld) {
    this.#identity = identity;
    this.#world = world;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#markReady = resolve;
  }

  /** The Node's metadata as registered; before that, as it will be. */
  get node(): Pick<Node, 'metadata'> & { readonly spec?: Node['spec'] } {
    return this.#node ?? { metadata: { name: this.#identity.name, uid: '', resourceVersion: '', creationTimestamp: '', labels: nodeLabels(this.#identity) } };
  }

  /** The Node as the API has it now; others may have put labels on it since we last wrote it. */
  async newest(signal: AbortSignal): Promise<Node> {
    return this.#world.client.get(nodes, { namespace: '', name: this.#identity.name }, signal);
  }

  /** Something has happened to the runtime: look at once. */
  changed(): void {
    this.#wake?.();
  }

  get #leaseSeconds(): number {
    return this.#identity.leaseSeconds ?? defaultLeaseSeconds;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#keepStatus(signal), this.#keepLease(signal)]);
  }

  async #keepStatus(signal: AbortSignal): Promise<void> {
    const { clock, log, events } = this.#world;
    let refreshedMs = -Infinity;
    for (let failures = 0, unready = 0; !signal.aborted; ) {
      let waitMs = renewEveryMs;
      try {
        this.#node ??= await this.#register(signal);
        if (clock.monotonicMs() < this.#doubtedUntilMs) this.#node = await this.newest(signal);
        const notReady = await this.#notReady(signal);
        const wasReady = this.#node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
        const changes = this.#pressureChanges();
        const due = clock.monotonicMs() - refreshedMs >= refreshEveryMs || (wasReady === 'True') !== (notReady === undefined) || changes.length > 0;
        if (due) {
          await this.#writeStatus(notReady, refreshedMs !== -Infinity, signal);
          refreshedMs = refreshedMs === -Infinity ? clock.monotonicMs() - refreshEveryMs + renewEveryMs : clock.monotonicMs();
          for (const reason of [...changes, ...(notReady === undefined && wasReady !== 'True' ? ['NodeReady'] : [])]) {
            events.event({ apiVersion: 'v1', kind: 'Node', metadata: { name: this.#identity.name, uid: this.#identity.name } }, 'Normal', reason, `Node ${this.#identity.name} status is now: ${reason}`);
          }
        }
        failures = 0;
        unready = notReady === undefined ? 0 : unready + 1;
        if (notReady === undefined) this.#markReady();
        else waitMs = backoffMs(unready, notReadyRetry);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('cannot write the node', { error: ApiError.of(error) });
        if (isReason(error, 'NotFound', 'Conflict')) this.#node = undefined;
        waitMs = backoffMs(++failures, registerRetry);
      }
      await this.#sleep(waitMs, signal);
    }
  }

  /** What is to be told of conditions that the API has otherwise, in the words of the kubelet's events. */
  #pressureChanges(): string[] {
    const told = this.#node?.status?.conditions ?? [];
    return pressureReasons.flatMap(([condition, comes, goes]) => {
      const is = this.#world.pressure.conditions.has(condition);
      const was = told.find(({ type }) => type === condition)?.status === 'True';
      return is === was ? [] : [is ? comes : goes];
    });
  }

  /** Until the time is over, or something changes. */
  async #sleep(waitMs: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    this.#wake = () => over.abort();
    signal.addEventListener('abort', this.#wake, { once: true });
    await this.#world.clock.sleep(waitMs, over.signal).catch(() => {});
    signal.removeEventListener('abort', this.#wake);
    this.#wake = undefined;
  }

  async #notReady(signal: AbortSignal): Promise<string | undefined> {
    if (this.#world.shutdown.notReady) return this.#world.shutdown.notReady;
    try {
      return await this.#world.runtime.notReady(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      return `container runtime is down: ${(error as Error).message}`;
    }
  }

  async #register(signal: AbortSignal): Promise<Node> {
    const { client } = this.#world;
    const { name, podCIDRs } = this.#identity;
    const labels = nodeLabels(this.#identity);
    try {
      const spec = podCIDRs?.length ? { podCIDR: podCIDRs[0], podCIDRs: [...podCIDRs] } : {};
      return await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels, annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' } }, spec } as New<Node>, signal);
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
    const found = await client.get(nodes, { namespace: '', name }, signal);
    if (Object.entries(labels).every(([key, value]) => found.metadata.labels?.[key] === value)) return found;
    return client.patch(nodes, { namespace: '', name }, { type: 'merge', body: { metadata: { labels } } }, signal);
  }

  async #writeStatus(notReady: string | undefined, withImages: boolean, signal: AbortSignal): Promise<void> {
    const { client, runtime, clock } = this.#world;
    const [version, images] = await Promise.all([runtime.version(signal), withImages ? runtime.listImages(signal) : []]);
    for (let tries = 0; ; tries++) {
      const node: Node = this.#node!;
      const status = nodeStatus(this.#identity, { runtime: version, notReady, pressure: this.#world.pressure.conditions, images, nowMs: clock.wallMs() }, node.status);
      if (sameJson(status, node.status)) return;
      try {
        this.#node = await client.updateStatus(nodes, { ...node, status }, signal);
        return;
      } catch (error) {
        if (!isReason(error, 'Conflict') || tries === 5) throw error;
        this.#node = await client.get(nodes, { namespace: '', name: this.#identity.name }, signal);
      }
    }
  }

  async #keepLease(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#world;
    let renewedMs = Infinity;
    for (let failures = 0; !signal.aborted; ) {
      let waitMs = this.#leaseSeconds * 250;
      try {
        await this.#renew(signal);
        const nowMs = clock.monotonicMs();
        // Late, whether we were stopped or cut off: the node may have been given up meanwhile, and be so yet, by who has not heard of this.
        if (nowMs - renewedMs > this.#leaseSeconds * 500) {
          this.#doubtedUntilMs = nowMs + doubtMs;
          this.changed();
        }
        renewedMs = nowMs;
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        log.debug('cannot renew the lease', { error: ApiError.of(error) });
        this.#lease = undefined;
        waitMs = Math.min(waitMs, backoffMs(++failures, { initialMs: 200, longestMs: 7_000 }));
      }
      await clock.sleep(waitMs, signal).catch(() => {});
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#world;
    const { name } = this.#identity;
    const spec = { holderIdentity: name, leaseDurationSeconds: this.#leaseSeconds, renewTime: formatMicroTime(clock.wallMs()) };
    if (!this.#lease) {
      const owner = this.#node && { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: this.#node.metadata.uid }] };
      try {
        this.#lease = await client.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace: leaseNamespace, ...owner }, spec } as New<Lease>, signal);
        return;
      } catch (error) {
        if (!isReason(error, 'AlreadyExists')) throw error;
        this.#lease = await client.get(leases, { namespace: leaseNamespace, name }, signal);
      }
    }
    this.#lease = await client.update(leases, { ...this.#lease, spec: { ...this.#lease.spec, ...spec } } as Lease, signal);
  }
}
