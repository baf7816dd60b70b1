// The rules of one port of a Service, as data: pure. What all Services share is in skeleton.ts.
//
//   services (map) ─▶ cluster-… or local-…  ─▶ dnat to an endpoint, by chance
//   node-ports (map) ─▶ external-… ────────────▶ (masqueraded) cluster-…, or with policy Local: local-…
//   a balancer's address with source ranges ─▶ allowed-… ─▶ external-…
import { createHash } from 'node:crypto';
import type { Backend, ServicePort } from '../service-ports.ts';
import type { Piece } from './table.ts';
import { addressType, markForMasquerade, type SkeletonPlan } from './skeleton.ts';

/** What of a table's plan its rules need. */
export type RulesPlan = Pick<SkeletonPlan, 'family' | 'podRange'>;

export function serviceRules(port: ServicePort, plan: RulesPlan): Piece {
  const piece: MutablePiece = { chains: new Map(), sets: new Map(), elements: [] };
  const names = chainNames(port);
  const frontends = frontendsOf(port);
  if (!port.hasEndpoints) {
    for (const key of frontends.all) piece.elements.push({ set: 'no-endpoints', key, value: 'goto refuse' });
    if (port.nodePort) piece.elements.push({ set: 'no-endpoint-ports', key: `${port.protocol} . ${port.nodePort}`, value: 'goto refuse' });
    return piece;
  }
  if (port.cluster.length > 0) lead(piece, plan, names.cluster, port, port.cluster);
  if (port.local.length > 0) lead(piece, plan, names.local, port, port.local);
  const inside = port.internalPolicy === 'Local' ? port.local : port.cluster;
  for (const key of frontends.cluster) {
    if (inside.length > 0) piece.elements.push({ set: 'services', key, value: `goto ${port.internalPolicy === 'Local' ? names.local : names.cluster}` });
    else piece.elements.push({ set: 'no-endpoints', key, value: 'drop' });
  }
  if (frontends.external.length > 0 || frontends.balancer.length > 0 || port.nodePort) {
    piece.chains.set(names.external, externalRules(port, names, plan));
    for (const key of frontends.external) piece.elements.push({ set: 'services', key, value: `goto ${names.external}` });
    if (port.nodePort) piece.elements.push({ set: 'node-ports', key: `${port.protocol} . ${port.nodePort}`, value: `goto ${names.external}` });
    const allowed = port.sourceRanges.length > 0 ? names.allowed : names.external;
    if (frontends.balancer.length > 0 && port.sourceRanges.length > 0) piece.chains.set(names.allowed, [`${plan.family} saddr != { ${port.sourceRanges.join(', ')} } drop`, `goto ${names.external}`]);
    for (const key of frontends.balancer) piece.elements.push({ set: 'services', key, value: `goto ${allowed}` });
  }
  for (const { ip, isLocal } of [...port.cluster, ...port.local]) if (isLocal) piece.elements.push({ set: 'hairpin', key: `${ip} . ${ip}` });
  return piece;
}

interface MutablePiece extends Piece {
  readonly chains: Map<string, readonly string[]>;
  readonly sets: Map<string, string>;
  readonly elements: { set: string; key: string; value?: string }[];
}

/** With policy Local only callers within the cluster get to endpoints elsewhere, as if they had used its own address. */
function externalRules(port: ServicePort, names: ChainNames, { family, podRange }: RulesPlan): string[] {
  if (port.externalPolicy === 'Cluster') return [markForMasquerade, `goto ${names.cluster}`];
  return [
    `${family} saddr ${podRange} goto ${names.cluster}`,
    `fib saddr type local ${markForMasquerade}`,
    `fib saddr type local goto ${names.cluster}`,
    port.local.length > 0 ? `goto ${names.local}` : 'drop',
  ];
}

/** One chain picks an endpoint; with affinity each has a chain of its own that notes the client, and is asked first. */
function lead(piece: MutablePiece, { family }: RulesPlan, chain: string, port: ServicePort, backends: readonly Backend[]): void {
  const { protocol, affinitySeconds } = port;
  if (affinitySeconds === undefined) {
    piece.chains.set(chain, pick(backends.map(({ ip, port: to }) => `${ip} . ${to}`), {
      all: (map) => `meta l4proto ${protocol} dnat ${family} addr . port to ${map}`,
      one: (backend) => `meta l4proto ${protocol} dnat ${family} to ${socketOf(family, ...(backend.split(' . ') as [string, string]))}`,
    }));
    return;
  }
  const ends = backends.map((backend) => ({ ...backend, name: `${chain}/${backend.ip.replaceAll(':', '-')}/${backend.port}/${affinitySeconds}` }));
  for (const { ip, port: to, name } of ends) {
    piece.sets.set(name, `{ type ${addressType(family)}; flags dynamic,timeout; timeout ${affinitySeconds}s; }`);
    piece.chains.set(name, [`update @${name} { ${family} saddr }`, `meta l4proto ${protocol} dnat ${family} to ${socketOf(family, ip, to)}`]);
  }
  const known = ends.map(({ name }) => `${family} saddr @${name} goto ${name}`);
  const first = pick(ends.map(({ name }) => `goto ${name}`), { all: (map) => map.replace(' map ', ' vmap '), one: (end) => end });
  piece.chains.set(chain, [...known, ...first]);
}

function socketOf(family: RulesPlan['family'], ip: string, port: number | string): string {
  return family === 'ip' ? `${ip}:${port}` : `[${ip}]:${port}`;
}

/** Above this a map is quicker to look up than its rules are to try. */
const mostTried = 16;

/**
 * One of `choices`, each as likely as the others. A map in the rule would be the plain way, but the kernel numbers such maps by
 * looking through all there are: 10,000 of them take 9 s, the rules of 50,000 endpoints less than one.
 */
function pick(choices: readonly string[], write: { readonly all: (map: string) => string; readonly one: (choice: string) => string }): string[] {
  if (choices.length > mostTried) return [write.all(`numgen random mod ${choices.length} map { ${choices.map((choice, index) => `${index} : ${choice}`).join(', ')} }`)];
  return choices.map((choice, index) => {
    const left = choices.length - index;
    return left === 1 ? write.one(choice) : `numgen random mod ${left} == 0 ${write.one(choice)}`;
  });
}

function frontendsOf({ clusterIPs, externalIPs, balancerIPs, protocol, port }: ServicePort) {
  const keys = (ips: readonly string[]) => ips.map((ip) => `${ip} . ${protocol} . ${port}`);
  const [cluster, external, balancer] = [keys(clusterIPs), keys(externalIPs), keys(balancerIPs)];
  return { cluster, external, balancer, all: [...cluster, ...external, ...balancer] };
}

interface ChainNames {
  readonly cluster: string;
  readonly local: string;
  readonly external: string;
  readonly allowed: string;
}

/** Readable, and unique though cut: nftables' longest name has 127 characters, and an endpoint's address is still to follow. */
function chainNames({ id, protocol }: ServicePort): ChainNames {
  const digest = createHash('sha256').update(`${id}/${protocol}`).digest('hex').slice(0, 8);
  const name = `${digest}/${id.replace(/[^\w./-]/g, '_')}`.slice(0, 90);
  return { cluster: `cluster-${name}`, local: `local-${name}`, external: `external-${name}`, allowed: `allowed-${name}` };
}
