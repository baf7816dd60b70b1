// Keeps this node's routes to the Pods of the others as the Node objects say, and again when a link has come back (the kernel drops
// the routes of one that goes down).
//
//   waiting ── a Node or a link has changed ──▶ looking, changing what differs ──▶ waiting
//                                                       └── failed: again after a while
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { nodes as nodeResource } from '../../api/kinds/node.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Runnable } from '../../base/runnable.ts';
import type { Client } from '../../client/client.ts';
import { createInformer } from '../../client/create-informer.ts';
import { ip, ipAnyway, run } from './commands.ts';
import { masqueradeByIptables } from './iptables-masquerade.ts';
import { linkMtu } from './link-mtu.ts';
import { linkNames } from './machine-network.ts';
import type { PodNetworkPlan } from './choose.ts';
import { peersOf, reachFrom, routeProtocol, routeTo, vxlanCommands, vxlanName, type Peer } from './node-routes-plan.ts';
import { nodesSet, tableName, type PacketFilter } from './rules.ts';

export interface NodeRoutesOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly plan: PodNetworkPlan;
  /** By which Pods are masqueraded; undefined: they are not. */
  readonly filter: PacketFilter | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const retry = { initialMs: 200, longestMs: 10_000 };

export function createNodeRoutes(options: NodeRoutesOptions): Runnable {
  const { client, nodeName, nodeAddress, plan, filter, clock, random } = options;
  const log = options.log.named('node-routes');
  const source = createInformer(client, nodeResource, {}, { clock, random, log });
  let change = Promise.withResolvers<void>();
  let known = '';
  let knownAddresses = '';
  /** Those that lead to other nodes. */
  const links = new Set<string>();

  return {
    name: 'node-routes',
    async run(signal) {
      const running = source.run(signal);
      const aborted = new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
      using _changes = source.onChange(() => change.resolve());
      await Promise.race([source.synced, aborted]);
      let watching: Promise<void> | undefined;
      for (let failures = 0; !signal.aborted; ) {
        change = Promise.withResolvers();
        try {
          const peers = peersOf(source.list(), nodeName, plan);
          await bringAbout(peers, signal);
          // Without other nodes nothing of ours hangs on a link.
          if (peers.length > 0) watching ??= watchLinks(links, linkChanged, clock, signal);
          failures = 0;
          await Promise.race([change.promise, aborted]);
        } catch (error) {
          if (signal.aborted) break;
          known = '';
          log.warn('the routes to other nodes could not be laid', { error });
          const over = new AbortController();
          await Promise.race([clock.sleep(backoffMs(++failures, retry), AbortSignal.any([signal, over.signal])).catch(() => {}), change.promise]);
          over.abort();
        }
      }
      await Promise.all([running, watching]);
    },
  };

  function linkChanged(): void {
    known = '';
    change.resolve();
  }

  async function bringAbout(peers: readonly Peer[], signal: AbortSignal): Promise<void> {
    const wanted = JSON.stringify(peers);
    if (wanted === known) return;
    // One that cannot be reached now does not keep the others from it.
    const looked = await Promise.allSettled(peers.map(async (peer) => {
      const { reach, link } = reachFrom(await run('ip', ['-o', 'route', 'get', peer.address], signal), nodeAddress);
      links.add(link);
      return { ...routeTo(peer, reach, plan), reach, address: peer.address };
    }));
    const lines = looked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    await meetAsThemselves(lines.filter(({ reach }) => reach === 'link').map(({ address }) => address), signal);
    const isWrapped = lines.some(({ neighbour }) => neighbour !== undefined);
    if (isWrapped && !linkNames().includes(vxlanName(plan))) await ip(vxlanCommands(plan, nodeAddress, await linkMtu(nodeAddress, signal)), signal);
    const stale = (await ownRoutes(plan, signal)).filter((range) => !peers.some(({ podRange }) => podRange === range));
    await ipAnyway(stale.map((range) => `route delete ${range} proto ${routeProtocol}`), signal);
    await ip(lines.flatMap(({ route, neighbour }) => [...(neighbour ? [`neighbour replace ${neighbour}`] : []), `route replace ${route} proto ${routeProtocol}`]), signal);
    for (const { forwarding } of lines) if (forwarding) await run('bridge', ['fdb', 'replace', ...forwarding.split(' ')], signal);
    if (peers.length > 0 || stale.length > 0) log.info('routes to other nodes', { routes: lines.map(({ route }) => route), removed: stale });
    const failed = looked.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
    known = wanted;
  }

  /** Pods speak to nodes on our link as themselves; a router in between may let no packet of theirs through. */
  async function meetAsThemselves(addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const nodes = [...new Set(addresses)].sort();
    const wanted = nodes.join(', ');
    if (wanted === knownAddresses) return;
    if (filter === 'nftables') {
      const set = `ip ${tableName(plan)} ${nodesSet}`;
      await run('nft', [`flush set ${set}${wanted && `; add element ${set} { ${wanted} }`}`], signal);
    } else if (filter === 'iptables') await masqueradeByIptables(plan, 'ip', signal, nodes);
    knownAddresses = wanted;
  }
}

/** For `peapod down`. */
export async function removeNodeRoutes(plan: PodNetworkPlan, signal: AbortSignal): Promise<void> {
  const stale = await ownRoutes(plan, signal).catch(() => []);
  await ipAnyway([...stale.map((range) => `route delete ${range} proto ${routeProtocol}`), ...(linkNames().includes(vxlanName(plan)) ? [`link delete ${vxlanName(plan)}`] : [])], signal);
}

async function ownRoutes({ clusterRange }: PodNetworkPlan, signal: AbortSignal): Promise<string[]> {
  const listing = await run('ip', ['-o', 'route', 'show', 'root', clusterRange, 'proto', String(routeProtocol)], signal);
  return listing.split('\n').flatMap((line) => /^\S+/.exec(line)?.[0] ?? []);
}

const monitorRetryMs = 1_000;

/** Tells of changes to these links, and not of those of Pods, which come and go. `ip monitor` ends only when someone ends it; then there is a new one. */
async function watchLinks(links: ReadonlySet<string>, changed: () => void, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await new Promise<void>((resolve) => {
      const child = spawn('ip', ['-o', 'monitor', 'link', 'address'], { signal, stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } });
      createInterface({ input: child.stdout }).on('line', (line) => {
        const link = /^(?:\[\w+\])?(?:Deleted )?\d+: ([^:@\s]+)/.exec(line)?.[1];
        if (link !== undefined && links.has(link)) changed();
      });
      child.on('error', () => resolve());
      child.on('close', () => resolve());
    });
    await clock.sleep(monitorRetryMs, signal).catch(() => {});
  }
}
