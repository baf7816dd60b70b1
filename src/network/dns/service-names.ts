// The names of a Service and its endpoints, as Kubernetes' DNS-based service discovery has them (specification 1.1.0): pure.
import type { EndpointSlice, Service } from '../../api/types.ts';
import type { ZoneRecord } from './zone.ts';

/** `domain`: the cluster's, as cluster.local. */
export function serviceNames(service: Service, slices: readonly EndpointSlice[], domain: string): ZoneRecord[] {
  const { metadata, spec } = service;
  const name = `${metadata.name}.${metadata.namespace}.svc.${domain}`;
  if (spec.type === 'ExternalName') return spec.externalName ? [{ type: 'CNAME', name, target: spec.externalName.replace(/\.$/, '').toLowerCase() }] : [];
  const clusterIPs = (spec.clusterIPs ?? [spec.clusterIP]).filter((ip) => ip && ip !== 'None') as string[];
  if (clusterIPs.length === 0) return headlessNames(name, slices);
  return [
    ...clusterIPs.flatMap((ip): ZoneRecord[] => [addressRecord(name, ip), { type: 'PTR', name: reverseName(ip), target: name }]),
    ...(spec.ports ?? []).flatMap(({ name: port, protocol, port: number }): ZoneRecord[] => (port ? [{ type: 'SRV', name: srvName(port, protocol, name), port: number, target: name }] : [])),
  ];
}

/** Each endpoint that is ready by its host name, or where it has none by its address with dashes. */
function headlessNames(service: string, slices: readonly EndpointSlice[]): ZoneRecord[] {
  const records: ZoneRecord[] = [];
  for (const { addressType, endpoints, ports } of slices) {
    if (addressType !== 'IPv4' && addressType !== 'IPv6') continue;
    for (const { addresses, hostname, conditions } of endpoints ?? []) {
      if (!(conditions?.ready ?? true)) continue;
      for (const ip of addresses) {
        const own = `${(hostname || ip.replace(/[.:]/g, '-')).toLowerCase()}.${service}`;
        records.push(addressRecord(service, ip), addressRecord(own, ip));
        if (hostname) records.push({ type: 'PTR', name: reverseName(ip), target: own });
        for (const { name: port, protocol, port: number } of ports ?? []) if (port && number) records.push({ type: 'SRV', name: srvName(port, protocol, service), port: number, target: own });
      }
    }
  }
  return records;
}

function addressRecord(name: string, ip: string): ZoneRecord {
  return { type: ip.includes(':') ? 'AAAA' : 'A', name, ip };
}

function srvName(port: string, protocol: string | undefined, service: string): string {
  return `_${port}._${(protocol ?? 'TCP').toLowerCase()}.${service}`;
}

/** `4.3.2.1.in-addr.arpa`, or its kin in ip6.arpa. */
export function reverseName(ip: string): string {
  if (!ip.includes(':')) return `${ip.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail = ''] = ip.split('::');
  const [left, right] = [head, tail].map((part) => (part ? part.split(':') : []));
  const groups = ip.includes('::') ? [...left!, ...Array<string>(8 - left!.length - right!.length).fill('0'), ...right!] : left!;
  return `${groups.map((group) => group.padStart(4, '0')).join('').split('').reverse().join('.')}.ip6.arpa`;
}
