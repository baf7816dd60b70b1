// The Pod network of this machine: a bridge, the routes that keep its packets in, the rules that let them out, and the
// CNI configuration by which the runtime joins Pods to it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type Log } from '../../base/log.ts';
import { parseIpRange } from '../../base/ip.ts';
import { choosePodNetwork, gateway6Of, gatewayOf, type PodNetworkPlan, type WantedNetwork } from './choose.ts';
import { ip, ipAnyway, run } from './commands.ts';
import { conflist } from './conflist.ts';
import { masqueradeByIptables } from './iptables-masquerade.ts';
import { chainPrefix, iptablesRemoval } from './iptables-rules.ts';
import { parseRange } from './ipv4-range.ts';
import { linkMtu, usualMtu } from './link-mtu.ts';
import { linkNames, readMachineNetwork } from './machine-network.ts';
import { removeNodeRoutes } from './node-routes.ts';
import { familiesOf, forwardRules, nftRules, policiesTableName, portmapLeftovers, servicesTableName, tableName, type PacketFilter } from './rules.ts';
import { applySysctls, restoreSysctls, type SysctlRecord } from './sysctl.ts';

export interface PodNetwork {
  readonly plan: PodNetworkPlan;
  /** The node's address in it, the Pods' gateway. */
  readonly gateway: string;
  /** The same in IPv6, where the network has it. */
  readonly gateway6: string | undefined;
  /** For the runtime. */
  readonly cniConfDir: string;
  /** Makes what is missing; may be called at each start. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Takes away all that `prepare` and the plugins made. Pods must have ended. */
  remove(signal: AbortSignal): Promise<void>;
}

interface NetworkRecord {
  readonly plan: PodNetworkPlan;
  readonly sysctls: SysctlRecord;
  readonly forwarding: boolean;
  /** Absent: nftables. */
  readonly filter?: PacketFilter;
}

/** `dataDir`: the network's own directory. `filter` undefined: the machine has none, and Pods are not masqueraded. `nodeAddress`: on the link by which other machines are reached. */
export function createPodNetwork(options: { plan: PodNetworkPlan; dataDir: string; filter: PacketFilter | undefined; nodeAddress?: string | undefined; log: Log }): PodNetwork {
  const { plan, dataDir, filter, log } = options;
  const cniConfDir = join(dataDir, 'net.d');
  const ipamDir = join(dataDir, 'ipam');
  const recordFile = join(dataDir, 'network.json');

  return {
    plan,
    gateway: gatewayOf(plan),
    gateway6: gateway6Of(plan),
    cniConfDir,
    async prepare(signal) {
      mkdirSync(cniConfDir, { recursive: true });
      const before = readRecord(recordFile);
      // Written before anything is changed, so that `remove` knows of it after a crash.
      let record: NetworkRecord = { ...(before ?? { plan, sysctls: {}, forwarding: false }), ...(filter ? { filter } : {}) };
      write(recordFile, record);
      const [drops, mtu] = await Promise.all([dropsForwarded(plan, signal), linkMtu(options.nodeAddress, signal), layLinks(plan, log, signal), layRules(plan, filter, dataDir, signal)]);
      // What another filter was told before leads nowhere any more.
      if (before && (before.filter ?? 'nftables') !== filter) await removeRules(plan, before.filter ?? 'nftables', signal);
      record = { ...record, sysctls: applySysctls(record.sysctls, plan.podRange6 !== undefined), forwarding: record.forwarding || drops };
      write(recordFile, record);
      if (record.forwarding) await allowForwarding(plan, signal);
      // Last: from now on the runtime may join Pods.
      write(join(cniConfDir, '10-peapod.conflist'), conflist(plan, ipamDir, mtu === usualMtu ? undefined : mtu));
    },
    async remove(signal) {
      const record = readRecord(recordFile);
      rmSync(cniConfDir, { recursive: true, force: true });
      await removeNodeRoutes(plan, signal);
      const ports = await portsOf(plan.bridge, signal);
      await ipAnyway([
        ...ports.map((port) => `link delete ${port}`),
        `link delete ${plan.bridge}`,
        ...rangesOf(plan).reverse().map((range) => `route delete ${unreachable(range).join(' ')}`),
      ], signal);
      await removeRules(plan, 'nftables', signal);
      if (record?.filter === 'iptables') await removeRules(plan, 'iptables', signal);
      for (const family of familiesOf(plan)) {
        if (record?.forwarding) for (const rule of forwardRules(plan)) await run(iptablesOf[family], ['-w', '-D', ...rule], signal).catch(() => {});
      }
      await run('nft', ['delete', 'table', 'inet', policiesTableName(plan)], signal).catch(() => {});
      await removePortmapRules(plan, signal).catch((error) => log.warn('rules of the portmap plugin may be left', { error: describe(error) }));
      removeCached(plan.bridge);
      if (record) restoreSysctls(record.sysctls);
      for (const path of [ipamDir, rulesFile(dataDir), recordFile]) rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Below every route that anyone sets on purpose. */
const lastMetric = 4_294_967_040;

/**
 * Chooses a network for a new cluster and lays hold of it at once by making its bridge and routes, so that two clusters
 * that start together do not choose the same. `wanted` as the user gave it.
 */
export function claimPodNetwork(wanted: WantedNetwork = {}): PodNetworkPlan {
  for (let tries = 1; ; tries++) {
    const plan = choosePodNetwork(readMachineNetwork(), wanted);
    const taken: string[][] = [];
    const take = (add: string[], remove: string[]) => {
      ipSync(add);
      taken.push(remove);
    };
    try {
      take(['link', 'add', plan.bridge, 'type', 'bridge'], ['link', 'delete', plan.bridge]);
      for (const range of rangesOf(plan)) take(['route', 'add', ...unreachable(range)], ['route', 'delete', ...unreachable(range)]);
      return plan;
    } catch (error) {
      for (const remove of taken.reverse()) ipSync(remove);
      if (tries === 10 || !/File exists/.test(String(error))) throw error;
    }
  }
}

/** What belongs to the cluster alone. */
function rangesOf({ clusterRange, serviceRange, podRange6, serviceRange6 }: PodNetworkPlan): string[] {
  return [clusterRange, serviceRange, ...(podRange6 && serviceRange6 ? [podRange6, serviceRange6] : [])];
}

function unreachable(range: string): string[] {
  return ['unreachable', range, 'metric', String(lastMetric)];
}

function ipSync(args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/**
 * The unreachable routes come first and stay below all others: while there is no bridge, packets for Pods and Services are
 * refused instead of leaving by the default route. Services are routed to the bridge, where a packet that no rule has sent
 * elsewhere finds nobody.
 */
async function layLinks(plan: PodNetworkPlan, log: Log, signal: AbortSignal): Promise<void> {
  const gateway = gatewayOf(plan);
  const { bits } = parseRange(plan.podRange)!;
  await loadBridgeFilter(log, signal);
  const mac = ['0a', '58', ...gateway.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))].join(':');
  await ip([
    ...rangesOf(plan).map((range) => `route replace ${unreachable(range).join(' ')}`),
    ...(linkNames().includes(plan.bridge) ? [] : [`link add ${plan.bridge} type bridge`]),
    // An address of its own: otherwise it would change with each Pod that joins.
    `link set ${plan.bridge} address ${mac} up`,
    // Pods of one bridge pass the packet rules too, as Services and policies need it. Set for this bridge alone, it leaves the others of
    // the machine in peace, and holds whatever they set bridge-nf-call-iptables to.
    `link set ${plan.bridge} type bridge nf_call_iptables 1 nf_call_ip6tables 1`,
    `address replace ${gateway}/${bits} broadcast + dev ${plan.bridge}`,
    `route replace ${plan.serviceRange} dev ${plan.bridge} src ${gateway}`,
  ], signal);
  if (plan.podRange6) await layLinks6(plan, signal);
  // So that node ports answer on loopback too; the service proxy's rules keep Pods from using it.
  writeFileSync(`/proc/sys/net/ipv4/conf/${plan.bridge}/route_localnet`, '1');
}

/** The gateway's address is ours alone: nobody is asked whether it is a duplicate, which takes a second. */
async function layLinks6(plan: PodNetworkPlan, signal: AbortSignal): Promise<void> {
  const gateway = gateway6Of(plan)!;
  if (!existsSync('/proc/sys/net/ipv6')) throw new Error(`the cluster has the IPv6 range ${plan.podRange6}, and this machine has no IPv6 any more`);
  // Pods are not to tell the node of routers.
  for (const [name, value] of [['disable_ipv6', '0'], ['accept_ra', '0']]) writeFileSync(`/proc/sys/net/ipv6/conf/${plan.bridge}/${name}`, value!);
  await ip([
    `address replace ${gateway}/${parseIpRange(plan.podRange6!)!.bits} dev ${plan.bridge} nodad`,
    `route replace ${plan.serviceRange6} dev ${plan.bridge} src ${gateway}`,
  ], signal);
}

async function loadBridgeFilter(log: Log, signal: AbortSignal): Promise<void> {
  if (existsSync('/proc/sys/net/bridge')) return;
  await run('modprobe', ['br_netfilter'], signal).catch((error: unknown) => {
    if (!signal.aborted) log.warn('there is no br_netfilter: between Pods of this node some Services fail and NetworkPolicies are not enforced', { error: describe(error) });
  });
}

async function layRules(plan: PodNetworkPlan, filter: PacketFilter | undefined, dataDir: string, signal: AbortSignal): Promise<void> {
  if (filter === undefined) return;
  if (filter === 'iptables') {
    for (const family of familiesOf(plan)) await masqueradeByIptables(plan, family, signal);
    return;
  }
  // From a file: nft does not read what Node.js gives it as standard input.
  write(rulesFile(dataDir), nftRules(plan));
  await run('nft', ['-f', rulesFile(dataDir)], signal);
}

/** Idempotent; those of Services too. */
async function removeRules(plan: PodNetworkPlan, filter: PacketFilter, signal: AbortSignal): Promise<void> {
  for (const family of familiesOf(plan)) {
    if (filter === 'nftables') for (const table of [tableName(plan), servicesTableName(plan)]) await run('nft', ['delete', 'table', family, table], signal).catch(() => {});
    else {
      for (const table of ['filter', 'nat'] as const) {
        const saved = await run(`${iptablesOf[family]}-save`, ['-t', table], signal).catch(() => '');
        const removal = iptablesRemoval(saved, table, chainPrefix(plan));
        if (removal) await run(`${iptablesOf[family]}-restore`, ['-w', '--noflush'], signal, removal).catch(() => {});
      }
    }
  }
}

function rulesFile(dataDir: string): string {
  return join(dataDir, 'rules.nft');
}

const iptablesOf = { ip: 'iptables', ip6: 'ip6tables' } as const;

async function dropsForwarded(plan: PodNetworkPlan, signal: AbortSignal): Promise<boolean> {
  const policies = await Promise.all(familiesOf(plan).map((family) => run(iptablesOf[family], ['-w', '-S', 'FORWARD'], signal).catch(() => '')));
  return policies.some((policy) => /^-P FORWARD DROP/m.test(policy));
}

async function allowForwarding(plan: PodNetworkPlan, signal: AbortSignal): Promise<void> {
  for (const family of familiesOf(plan)) {
    const program = iptablesOf[family];
    for (const rule of forwardRules(plan)) await run(program, ['-w', '-C', ...rule], signal).catch(() => run(program, ['-w', '-I', ...rule], signal));
  }
}

async function removePortmapRules(plan: PodNetworkPlan, signal: AbortSignal): Promise<void> {
  for (const [family, program] of Object.entries(iptablesOf) as ['ip' | 'ip6', string][]) {
    const saved = await run(`${program}-save`, ['-t', 'nat'], signal).catch(() => '');
    const commands = portmapLeftovers(saved, plan.bridge);
    if (commands) await run(`${program}-restore`, ['-w', '--noflush'], signal, commands);
    await removeEmptyTable(family, 'nat', signal);
    await removeEmptyTable(family, 'filter', signal);
  }
}

/** iptables on nftables leaves its tables behind; without a rule and with every policy `accept` they mean nothing. */
async function removeEmptyTable(family: 'ip' | 'ip6', table: string, signal: AbortSignal): Promise<void> {
  const listing = await run('nft', ['list', 'table', family, table], signal).catch(() => undefined);
  if (listing === undefined) return;
  const says = listing.split('\n').map((line) => line.trim()).filter((line) => line !== '' && line !== '}' && !line.startsWith('#'));
  if (says.every((line) => /^(table ip6? \w+ \{|chain [A-Z]+ \{|type \w+ hook \w+ priority \S+; policy accept;)$/.test(line))) {
    await run('nft', ['delete', 'table', family, table], signal).catch(() => {});
  }
}

async function portsOf(bridge: string, signal: AbortSignal): Promise<string[]> {
  const listing = await run('ip', ['-o', 'link', 'show', 'master', bridge], signal).catch(() => '');
  return listing.split('\n').flatMap((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? []);
}

/** The plugins' results that the runtime keeps for each Pod until it has left the network; also those of its loopback. */
function removeCached(network: string): void {
  for (const folder of ['/var/lib/cni/results', '/var/lib/cni/cache/results']) {
    if (!existsSync(folder)) continue;
    const names = readdirSync(folder);
    const ids = names.filter((name) => name.startsWith(`${network}-`)).map((name) => name.slice(network.length + 1).replace(/-[^-]+$/, ''));
    for (const id of ids) for (const name of names) if (name.includes(`-${id}-`)) rmSync(join(folder, name), { force: true });
  }
}

function readRecord(file: string): NetworkRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as NetworkRecord;
  } catch {
    return undefined;
  }
}

function write(file: string, content: string | NetworkRecord): void {
  writeFileSync(`${file}.new`, typeof content === 'string' ? content : JSON.stringify(content, null, 2) + '\n');
  renameSync(`${file}.new`, file);
}
