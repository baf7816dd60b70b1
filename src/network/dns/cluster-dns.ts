// The cluster's DNS: keeps the zone true to Services, slices and namespaces, and serves it.
import { endpointSlices } from '../../api/kinds/endpoint-slice.ts';
import { namespaces } from '../../api/kinds/namespace.ts';
import { services } from '../../api/kinds/service.ts';
import type { EndpointSlice, KubeObject } from '../../api/types.ts';
import { familyOf } from '../../base/ip.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyText, type Client } from '../../client/client.ts';
import { createInformer } from '../../client/create-informer.ts';
import { createResolver } from './answer.ts';
import { startDnsServer, type DnsServer } from './dns-server.ts';
import { serviceNames } from './service-names.ts';
import { createUpstream } from './upstream.ts';
import { Zone, type ZoneRecord } from './zone.ts';

export interface ClusterDnsOptions {
  readonly client: Client;
  /** `cluster.local` */
  readonly domain: string;
  /** Where it listens: addresses of this machine that Pods reach, one of each family of the cluster. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** The addresses of its Service. */
  readonly serviceIPs: readonly string[];
  /** What is asked about the world; empty: nobody, and such names are SERVFAIL. */
  readonly upstreams: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ClusterDns extends Runnable {
  /** The port on all its addresses. */
  readonly port: number;
}

const serviceNameLabel = 'kubernetes.io/service-name';
const specification = '1.1.0';

/** Resolves once it listens; it answers truly once `run` has read the API. */
export async function createClusterDns(options: ClusterDnsOptions, signal: AbortSignal): Promise<ClusterDns> {
  const { client, domain, addresses, serviceIPs, upstreams, clock, random } = options;
  const deps = { clock, random, log: options.log.named('dns') };
  const serviceSource = createInformer(client, services, {}, deps);
  const sliceSource = createInformer<EndpointSlice>(client, endpointSlices, { indexes: { service: (slice) => serviceTextsOf(slice) } }, deps);
  const namespaceSource = createInformer(client, namespaces, {}, deps);
  const zone = new Zone(domain, (name) => namespaceSource.get({ namespace: '', name }) !== undefined);
  zone.put('', [
    { type: 'TXT', name: `dns-version.${domain}`, text: specification },
    { type: 'NS', name: domain, target: `ns.dns.${domain}` },
    ...serviceIPs.map((ip): ZoneRecord => ({ type: familyOf(ip) === 'IPv6' ? 'AAAA' : 'A', name: `ns.dns.${domain}`, ip })),
  ]);
  const resolver = createResolver(zone, () => [serviceSource, sliceSource, namespaceSource].every(({ hasSynced }) => hasSynced), createUpstream({ servers: upstreams, clock, random }), random);
  const servers: DnsServer[] = [await startDnsServer({ address: addresses[0]!, port: options.port, resolver, clock }, signal)];
  const { port } = servers[0]!;
  for (const address of addresses.slice(1)) servers.push(await startDnsServer({ address, port, resolver, clock }, signal));

  const refresh = (text: string, key: { namespace: string; name: string }) => {
    const service = serviceSource.get(key);
    zone.put(text, service ? serviceNames(service, sliceSource.by('service', text), domain) : []);
  };

  return {
    name: 'dns',
    port,
    async run(life) {
      using _services = serviceSource.onChange((before, after) => {
        const key = keyOfMeta((after ?? before)!);
        refresh(keyText(key), key);
      });
      using _slices = sliceSource.onChange((before, after) => {
        for (const slice of [before, after]) {
          const name = slice?.metadata.labels?.[serviceNameLabel];
          if (!name) continue;
          const key = { namespace: slice!.metadata.namespace ?? '', name };
          refresh(keyText(key), key);
        }
      });
      try {
        await Promise.all([serviceSource, sliceSource, namespaceSource].map((source) => source.run(life)));
      } finally {
        await Promise.all(servers.map((server) => server.close()));
      }
    },
  };
}

function serviceTextsOf({ metadata }: EndpointSlice): string[] {
  const name = metadata.labels?.[serviceNameLabel];
  return name ? [keyText({ namespace: metadata.namespace ?? '', name })] : [];
}

function keyOfMeta({ metadata }: KubeObject): { namespace: string; name: string } {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}
