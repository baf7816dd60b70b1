// Notices nodes that are no longer heard of, says so in their conditions and of their Pods, and taints them so that their
// Pods are evicted: at a pace, and not at all while nothing is heard from anywhere.
//
//   heard of ── silent for monitorGraceMs ──▶ Unknown, Pods not ready ── its turn has come ──▶ tainted NoExecute
//      ▲                                                                                           │
//      └───────────────────────── it reports again: the taint goes ────────────────────────────────┘
import { isReason } from '../../api/error.ts';
import { leases as leaseResource } from '../../api/kinds/lease.ts';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { pods as podResource } from '../../api/kinds/pod.ts';
import { conditionOf, isTrue } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Lease, Node } from '../../api/types.ts';
import { formatTime } from '../../base/clock.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf } from '../../client/client.ts';
import { createController, trigger, type Next, type Trigger } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { podIndexes } from '../pod-indexes.ts';
import { conditionsOfSilent, evictingTaints, isExcluded, lifecycleLimits, podsToDoubt, silentAtMs, taintsWith, wantedTaint, zoneOf, type LifecycleLimits } from './plan.ts';
import { zoneLimits, Zones, type ZoneLimits } from './zones.ts';

export interface NodeLifecycleOptions extends Partial<LifecycleLimits>, Partial<ZoneLimits> {}

const leaseNamespace = 'kube-node-lease';

export function createNodeLifecycleController(deps: ControllerDeps, options: NodeLifecycleOptions = {}): Runnable {
  const { client, clock, informers, log } = deps;
  const recorder = deps.recorderFor('node-controller');
  const limits: LifecycleLimits = { ...lifecycleLimits, ...options };
  const nodes = informers.of(nodeResource);
  const pods = informers.of(podResource, { indexes: { node: podIndexes.node } });
  const leases = informers.of(leaseResource, { namespace: leaseNamespace });
  const zones = new Zones({ ...zoneLimits, ...options });
  /** When each node was last heard of, on our own clock: whoever starts anew gives all of them their time again. */
  const heardMs = new Map<string, number>();
  /** Nodes whose Pods have been doubted since they were last ready: once, lest we quarrel with a node that knows better. */
  const doubted = new Set<string>();
  let pace = '';
  let wasAllDisrupted = false;
  let enqueue: (key: ObjectKey) => void = () => {};

  async function reconcile({ name }: ObjectKey, signal: AbortSignal): Promise<Next> {
    const node = nodes.get({ namespace: '', name });
    if (!node) return 'await-change';
    const silentMs = silentAtMs(node, heardMs.get(name) ?? clock.monotonicMs(), limits) - clock.monotonicMs();
    if (silentMs <= 0) {
      const conditions = conditionsOfSilent(node, clock.wallMs());
      // The write brings the node back here.
      if (conditions) return giveUp(node, conditions, signal);
    }
    if (wantedTaint(node) !== undefined && !doubted.has(name)) await doubtPods(node, signal);
    const waitMs = await bringTaints(node, signal);
    const waits = [...(silentMs > 0 ? [silentMs] : []), ...(waitMs === undefined ? [] : [waitMs])];
    return waits.length > 0 ? { afterMs: Math.min(...waits) } : 'await-change';
  }

  async function giveUp(node: Node, conditions: NonNullable<ReturnType<typeof conditionsOfSilent>>, signal: AbortSignal): Promise<Next> {
    log.info('a node is no longer heard of', { node: node.metadata.name });
    await client.updateStatus(nodeResource, { ...node, status: { ...node.status, conditions: [...conditions] } }, signal);
    return 'await-change';
  }

  async function doubtPods(node: Node, signal: AbortSignal): Promise<void> {
    for (const pod of podsToDoubt(pods.by('node', node.metadata.name))) {
      const ready = conditionOf(pod.status.conditions as never, 'Ready')!;
      recorder.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, 'Warning', 'NodeNotReady', 'Node is not ready');
      const body = { metadata: { uid: pod.metadata.uid }, status: { conditions: [{ ...ready, status: 'False', lastTransitionTime: formatTime(clock.wallMs()) }] } };
      await unlessGone(client.patch(podResource, keyOf(pod), { type: 'strategic', subresource: 'status', body }, signal));
    }
    doubted.add(node.metadata.name);
  }

  /** Gives after how long to try again; undefined: when something changes. */
  async function bringTaints(node: Node, signal: AbortSignal): Promise<number | undefined> {
    const wanted = zones.allDisrupted ? undefined : wantedTaint(node);
    const present = evictingTaints(node);
    if (wanted === undefined ? present.length === 0 : present.length === 1 && present[0]!.key === wanted) return undefined;
    if (wanted !== undefined && present.length === 0) {
      const waitMs = zones.takeTurn(zoneOf(node), clock.monotonicMs());
      if (waitMs !== 0) return waitMs;
    }
    await client.update(nodeResource, { ...node, spec: { ...node.spec, taints: [...taintsWith(node, wanted, clock.wallMs())] } }, signal);
    return undefined;
  }

  function nodeChanged(before: Node | undefined, after: Node | undefined): readonly ObjectKey[] {
    const { name } = (after ?? before)!.metadata;
    const about = (node: Node) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name: node.metadata.name, uid: node.metadata.uid } });
    if (!after) {
      zones.remove(name);
      heardMs.delete(name);
      doubted.delete(name);
      recorder.event(about(before!), 'Normal', 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`);
      return paceChanged([]);
    }
    if (!before) recorder.event(about(after), 'Normal', 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`);
    const [was, is] = [readyOf(before), readyOf(after)];
    if (is?.status === 'True') doubted.delete(name);
    if (!before || (was?.lastHeartbeatTime ?? '') !== (is?.lastHeartbeatTime ?? '')) heardMs.set(name, clock.monotonicMs());
    if (was?.status === 'True' && is?.status !== 'True') recorder.event(about(after), 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    if (isExcluded(after)) zones.remove(name);
    else zones.set(name, zoneOf(after), isTrue(after.status?.conditions as never, 'Ready'));
    const matters = was?.status !== is?.status || !before || evictingTaints(before).length !== evictingTaints(after).length;
    return paceChanged(matters ? [{ namespace: '', name }] : []);
  }

  /** Those that wait for their turn, or are to be forgiven, are looked at when the pace changes. */
  function paceChanged(keys: readonly ObjectKey[]): readonly ObjectKey[] {
    const isAllDisrupted = zones.allDisrupted;
    // What was silent while nothing was heard of anyone has its time again.
    if (wasAllDisrupted && !isAllDisrupted) for (const name of heardMs.keys()) heardMs.set(name, clock.monotonicMs());
    wasAllDisrupted = isAllDisrupted;
    if (zones.pace === pace) return keys;
    pace = zones.pace;
    return [...keys, ...nodes.list().filter((node) => wantedTaint(node) !== undefined || evictingTaints(node).length > 0).map((node) => ({ namespace: '', name: node.metadata.name }))];
  }

  /** A renewal is only noted: who is heard of needs no work. */
  const heartbeats: Trigger = {
    synced: leases.synced,
    start: (add) => {
      enqueue = add;
      return leases.onChange((before, after) => {
        if (!after || renewTimeOf(before) === renewTimeOf(after)) return;
        const { name } = after.metadata;
        heardMs.set(name, clock.monotonicMs());
        // The node's own word is awaited; only one that never reported, or is doubted, is looked at.
        if (!before) enqueue({ namespace: '', name });
      });
    },
  };

  return createController(
    {
      name: 'node-lifecycle-controller',
      triggers: [
        heartbeats,
        trigger(nodes, nodeChanged),
      ],
      reads: [pods],
      reconcile,
    },
    deps,
  );
}

function readyOf(node: Node | undefined) {
  return node?.status?.conditions?.find(({ type }) => type === 'Ready');
}

function renewTimeOf(lease: Lease | undefined): unknown {
  return lease?.spec?.renewTime;
}

async function unlessGone(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
