// The rules of one port of a Service for iptables, as data: pure. They decide as those for nftables do (../nft/service-rules.ts); what
// all Services share is in skeleton.ts. The table nat cannot drop: what is to be dropped is led nowhere there, and dropped by filter.
import { createHash } from 'node:crypto';
import { chainPrefix } from '../../pod-network/iptables-rules.ts';
import type { Backend, ServicePort } from '../service-ports.ts';
import { markForMasquerade, type IptablesPlan, type SharedChain } from './skeleton.ts';

export interface IptablesPiece {
  /** Name → rules, in the table nat. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Rules in chains that all share. Two pieces may claim one match: the first by its owner's name has it. */
  readonly shared: readonly { readonly chain: SharedChain; readonly match: string; readonly target: string }[];
}

export function iptablesRules(port: ServicePort, plan: IptablesPlan): IptablesPiece {
  const chains = new Map<string, readonly string[]>();
  const shared: IptablesPiece['shared'][number][] = [];
  const names = chainNames(port, plan);
  const at = (ip: string) => `-d ${host(plan, ip)} ${toPort(port, port.port)}`;
  const outer = [...port.externalIPs, ...port.balancerIPs].map(at);
  const nodePort = port.nodePort ? toPort(port, port.nodePort) : undefined;
  const reject = (matches: readonly string[], target: string) => shared.push(...matches.map((match) => ({ chain: 'NO-ENDPOINTS' as const, match, target })));
  const refuse = `-j ${chainPrefix(plan)}REFUSE`;
  if (!port.hasEndpoints) {
    reject([...port.clusterIPs.map(at), ...outer], refuse);
    if (nodePort) shared.push({ chain: 'NO-PORTS', match: nodePort, target: refuse });
    return { chains, shared };
  }
  if (port.cluster.length > 0) lead(chains, names.cluster, port, port.cluster);
  if (port.local.length > 0) lead(chains, names.local, port, port.local);
  const inside = port.internalPolicy === 'Local' ? port.local : port.cluster;
  if (inside.length > 0) shared.push(...port.clusterIPs.map((ip) => ({ chain: 'FRONTENDS' as const, match: at(ip), target: `-j ${port.internalPolicy === 'Local' ? names.local : names.cluster}` })));
  else reject(port.clusterIPs.map(at), '-j DROP');
  if (outer.length > 0 || nodePort) {
    chains.set(names.external, externalRules(port, names, plan));
    shared.push(...port.externalIPs.map((ip) => ({ chain: 'FRONTENDS' as const, match: at(ip), target: `-j ${names.external}` })));
    if (nodePort) shared.push({ chain: 'NODE-PORTS', match: nodePort, target: `-j ${names.external}` });
    const isGuarded = port.balancerIPs.length > 0 && port.sourceRanges.length > 0;
    if (isGuarded) chains.set(names.allowed, port.sourceRanges.map((range) => `-s ${range} -j ${names.external}`));
    shared.push(...port.balancerIPs.map((ip) => ({ chain: 'FRONTENDS' as const, match: at(ip), target: `-j ${isGuarded ? names.allowed : names.external}` })));
    const leadsNowhere = port.externalPolicy === 'Local' && port.local.length === 0;
    reject(leadsNowhere ? outer : isGuarded ? port.balancerIPs.map(at) : [], '-j DROP');
    if (nodePort && leadsNowhere) shared.push({ chain: 'NO-PORTS', match: nodePort, target: '-j DROP' });
  }
  const own = new Set([...port.cluster, ...port.local].filter(({ isLocal }) => isLocal).map(({ ip }) => host(plan, ip)));
  for (const ip of own) shared.push({ chain: 'HAIRPIN', match: `-s ${ip} -d ${ip}`, target: '-j MASQUERADE' });
  return { chains, shared };
}

/** With policy Local only callers within the cluster get to endpoints elsewhere, as if they had used its own address. */
function externalRules(port: ServicePort, names: ChainNames, { podRange }: IptablesPlan): string[] {
  if (port.externalPolicy === 'Cluster') return [markForMasquerade, `-j ${names.cluster}`];
  return [
    `-s ${podRange} -j ${names.cluster}`,
    `-m addrtype --src-type LOCAL ${markForMasquerade}`,
    `-m addrtype --src-type LOCAL -j ${names.cluster}`,
    ...(port.local.length > 0 ? [`-j ${names.local}`] : []),
  ];
}

/** One chain picks an endpoint; with affinity each has a chain of its own that notes the client, and is asked first. */
function lead(chains: Map<string, readonly string[]>, chain: string, { protocol, affinitySeconds }: ServicePort, backends: readonly Backend[]): void {
  const destination = ({ ip, port }: Backend) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
  const dnat = (backend: Backend) => `-p ${protocol} -j DNAT --to-destination ${destination(backend)}`;
  if (affinitySeconds === undefined) {
    chains.set(chain, pick(backends.map(dnat)));
    return;
  }
  const ends = backends.map((backend) => ({ backend, name: `${chain.slice(0, chain.lastIndexOf('-'))}-${digest(`${chain}/${destination(backend)}`)}` }));
  for (const { backend, name } of ends) chains.set(name, [`-m recent --name ${name} --set`, dnat(backend)]);
  const known = ends.map(({ name }) => `-m recent --name ${name} --rcheck --seconds ${affinitySeconds} --reap -j ${name}`);
  chains.set(chain, [...known, ...pick(ends.map(({ name }) => `-j ${name}`))]);
}

/** Each as likely as the others. */
function pick(rules: readonly string[]): string[] {
  return rules.map((rule, index) => {
    const left = rules.length - index;
    return left === 1 ? rule : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} ${rule}`;
  });
}

function toPort({ protocol }: ServicePort, port: number): string {
  return `-p ${protocol} -m ${protocol} --dport ${port}`;
}

function host({ family }: IptablesPlan, ip: string): string {
  return `${ip}/${family === 'ip' ? 32 : 128}`;
}

interface ChainNames {
  readonly cluster: string;
  readonly local: string;
  readonly external: string;
  readonly allowed: string;
}

function chainNames({ id, protocol }: ServicePort, plan: IptablesPlan): ChainNames {
  const own = digest(`${id}/${protocol}`);
  const name = (letter: string) => `${chainPrefix(plan)}${letter}-${own}`;
  return { cluster: name('C'), local: name('L'), external: name('X'), allowed: name('A') };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
