// Enforces NetworkPolicies on this node's Pods. While there is no policy there is nothing: no rules, no watch of Pods.
//
//           the first policy                the first lists are in
//   idle ─────────────────────▶ gathering ─────────────────────────▶ enforcing
//    ▲                              │                                     │
//    └── the table is deleted ◀─────┴───────── the last policy has gone ──┘
import { endpointSlices } from '../../api/kinds/endpoint-slice.ts';
import { namespaces } from '../../api/kinds/namespace.ts';
import { networkPolicies } from '../../api/kinds/network-policy.ts';
import { pods } from '../../api/kinds/pod.ts';
import type { EndpointSlice, Pod } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Runnable } from '../../base/runnable.ts';
import type { Client } from '../../client/client.ts';
import { createInformer } from '../../client/create-informer.ts';
import type { Nftables, TableKind } from '../proxy/nft/nftables.ts';
import { Table } from '../proxy/nft/table.ts';
import { createTableKeeper, type TableKeeper } from '../proxy/nft/table-keeper.ts';
import { compilePolicy } from './compile-policy.ts';
import { addressesOf, dnsNamespace, dnsServers, hasEnded, policyPod } from './pod-facts.ts';
import { policySkeleton, type PolicyPlan } from './skeleton.ts';
import { PolicyState } from './policy-state.ts';

export interface NetworkPoliciesOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly plan: PolicyPlan;
  readonly nftables: Nftables;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface NetworkPolicies extends Runnable {
  /**
   * To be waited for before a Pod's containers start, once its addresses are known: until then no policy could be in force for them.
   * Undefined: there is nothing to wait for. Rejects when the rules cannot be applied; then the Pod must not start.
   */
  admit(pod: Pod, ips: readonly string[], signal: AbortSignal): Promise<void> | undefined;
}

export const policyTables: TableKind = { family: 'inet', file: 'policies.nft', probe: { list: 'chain', name: 'egress', word: 'vmap' } };

interface Enforcement {
  readonly state: PolicyState;
  readonly keeper: TableKeeper;
  /** Resolves when all was read, or it has ended. */
  readonly gathered: Promise<void>;
}

export function createNetworkPolicies(options: NetworkPoliciesOptions): NetworkPolicies {
  const { client, nodeName, plan, nftables, clock, random } = options;
  const log = options.log.named('network-policy');
  const deps = { clock, random, log };
  const policySource = createInformer(client, networkPolicies, {}, deps);
  /** Of Pods that the node has given an address which the API does not know yet; by UID. */
  const early = new Map<string, readonly string[]>();
  let enforcement: Enforcement | undefined;
  /** Resolves when an enforcement begins, or is not needed any more. */
  let turn = Promise.withResolvers<void>();
  let wake = () => {};

  return {
    name: 'network-policy',
    admit(pod, ips, signal) {
      if (ips.length === 0 || pod.spec.hostNetwork || (policySource.hasSynced && policySource.list().length === 0)) return undefined;
      return admit(pod, ips, signal);
    },
    async run(signal) {
      const running = policySource.run(signal);
      using _policies = policySource.onChange(() => {
        if (policySource.list().length === 0) nextTurn();
        wake();
      });
      await Promise.race([policySource.synced, aborted(signal)]);
      while (!signal.aborted) {
        if (policySource.list().length > 0) await enforce(signal);
        // Also what an earlier life has left. Stopping leaves the rules in force; the next start takes them up.
        if (!signal.aborted && policySource.list().length === 0) await removeTable(signal);
        if (!signal.aborted && policySource.list().length === 0) await woken(signal);
      }
      await running;
    },
  };

  async function admit(pod: Pod, ips: readonly string[], signal: AbortSignal): Promise<void> {
    const end = aborted(signal);
    await Promise.race([policySource.synced, end]);
    const facts = policyPod(pod, nodeName, ips);
    while (facts && policySource.list().length > 0) {
      signal.throwIfAborted();
      const now = enforcement;
      await Promise.race([now?.gathered ?? turn.promise, end]);
      if (!now || enforcement !== now || signal.aborted) continue;
      early.set(facts.uid, ips);
      now.state.putPod(facts);
      now.keeper.changed();
      if (!now.state.concerns(facts.uid)) return;
      try {
        return await Promise.race([now.keeper.settled(), end]);
      } catch (error) {
        // Otherwise it has only ended, because the last policy has.
        if (enforcement === now) throw new Error('the rules of NetworkPolicies cannot be applied', { cause: error });
      }
    }
  }

  function nextTurn(): void {
    turn.resolve();
    turn = Promise.withResolvers();
  }

  /** As long as there are policies. */
  async function enforce(signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const life = AbortSignal.any([signal, end.signal]);
    const table = new Table(policySkeleton(plan));
    const state = new PolicyState(table);
    const keeper = createTableKeeper({ table, tableName: plan.table, what: 'the rules of NetworkPolicies', nftables, clock, log });
    const podSource = createInformer(client, pods, {}, deps);
    const namespaceSource = createInformer(client, namespaces, {}, deps);
    const dnsSource = createInformer(client, endpointSlices, { namespace: dnsNamespace, labelSelector: 'kubernetes.io/service-name=kube-dns' }, deps);
    const sources = [podSource, namespaceSource, dnsSource];
    const running = sources.map((source) => source.run(life));
    const gathered = Promise.withResolvers<void>();
    enforcement = { state, keeper, gathered: gathered.promise };
    nextTurn();
    const follow = <T>(put: (before: T | undefined, after: T | undefined) => void) => (before: T | undefined, after: T | undefined) => {
      put(before, after);
      keeper.changed();
    };
    try {
      const synced = Promise.all(sources.map((source) => source.synced));
      for (let isIn = false; !isIn && !life.aborted; ) {
        isIn = await Promise.race([synced.then(() => true), woken(life).then(() => false)]);
        if (policySource.list().length === 0) return;
      }
      if (life.aborted) return;
      // Namespaces and policies first: a Pod is then filed once.
      using _namespaces = namespaceSource.onChange(follow((before, after) => state.putNamespace((after ?? before)!.metadata.name, after && (after.metadata.labels ?? {}))));
      using _policies = policySource.onChange(follow((before, after) => {
        if (after) state.putPolicy(compilePolicy(after));
        else state.removePolicy(before!.metadata.namespace ?? '', `${before!.metadata.namespace ?? ''}/${before!.metadata.name}`);
      }));
      using _dns = dnsSource.onChange(follow((before, after) => putDns(state, before, after)));
      using _pods = podSource.onChange(follow((before, after) => putPod(state, before, after)));
      gathered.resolve();
      const keeping = keeper.run(life);
      while (!life.aborted && policySource.list().length > 0) await woken(life);
      enforcement = undefined;
      end.abort(new Error('there is no policy any more'));
      await keeping;
    } finally {
      enforcement = undefined;
      gathered.resolve();
      end.abort(new Error('there is no policy any more'));
      early.clear();
      await Promise.all(running);
    }
  }

  function putPod(state: PolicyState, before: Pod | undefined, after: Pod | undefined): void {
    // Another one of the same name.
    if (before && before.metadata.uid !== after?.metadata.uid) {
      early.delete(before.metadata.uid);
      state.removePod(before.metadata.uid, hasEnded(before.status));
    }
    if (!after) return;
    const { uid } = after.metadata;
    const told = addressesOf(after.status);
    const given = early.get(uid);
    if (given && told[0] === given[0]) early.delete(uid);
    const facts = policyPod(after, nodeName, given ?? told);
    if (facts) state.putPod(facts);
    else state.removePod(uid, hasEnded(after.status));
  }

  function putDns(state: PolicyState, before: EndpointSlice | undefined, after: EndpointSlice | undefined): void {
    const now = after ? dnsServers(after) : [];
    for (const { uid } of before ? dnsServers(before) : []) if (!now.some((other) => other.uid === uid)) state.removePod(uid, true);
    for (const server of now) state.putPod(server);
  }

  async function removeTable(signal: AbortSignal): Promise<void> {
    try {
      await nftables.deleteTable(plan.table, signal);
    } catch (error) {
      if (!signal.aborted) log.warn('the rules of NetworkPolicies stay, though there are none', { error });
    }
  }

  function woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      wake = done;
      if (signal.aborted) done();
      else signal.addEventListener('abort', done, { once: true });
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
}
