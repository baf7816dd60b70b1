// Gives each node its range of the cluster's Pod range, once; as kube-controller-manager's node-ipam-controller with
// --allocate-node-cidrs does.
import { isReason } from '../../api/error.ts';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { isBeingDeleted } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Node } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { firstFree, type NodeRanges } from './plan.ts';

export function createNodeIpamController(ranges: NodeRanges, deps: ControllerDeps): Runnable {
  const { client } = deps;
  const recorder = deps.recorderFor('cidrAllocator');
  const nodes = deps.informers.of(nodeResource);
  /** Given and perhaps not yet seen in the informer; by node. */
  const given = new Map<string, string>();

  async function reconcile({ name }: ObjectKey, signal: AbortSignal): Promise<Next> {
    const node = nodes.get({ namespace: '', name });
    if (!node || node.spec.podCIDR) {
      given.delete(name);
      return 'await-change';
    }
    if (isBeingDeleted(node)) return 'await-change';
    const taken = [...nodes.list().flatMap(rangesOf), ...given.values()];
    const range = given.get(name) ?? firstFree(ranges, taken);
    if (range === undefined) {
      recorder.event({ apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name } }, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
      return 'await-change';
    }
    given.set(name, range);
    try {
      await client.patch(nodeResource, { namespace: '', name }, { type: 'merge', body: { metadata: { uid: node.metadata.uid }, spec: { podCIDR: range, podCIDRs: [range] } } }, signal);
    } catch (error) {
      given.delete(name);
      if (!isReason(error, 'NotFound')) throw error;
    }
    return 'await-change';
  }

  const changes = trigger(nodes, (before, after) => {
    // A range that has come back may be what another node waits for.
    if (!after) return [...itself(before, after), ...nodes.list().filter(({ spec }) => !spec.podCIDR).map(({ metadata: { name } }) => ({ namespace: '', name }))];
    return after.spec.podCIDR === before?.spec.podCIDR && before ? [] : itself(before, after);
  });
  // One after the other, so that no two are given the same.
  return createController({ name: 'node-ipam-controller', triggers: [changes], reconcile, workers: 1 }, deps);
}

function rangesOf({ spec }: Node): readonly string[] {
  return spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : []);
}
