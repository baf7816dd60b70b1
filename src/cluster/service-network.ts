// The service network of this machine: DNS and the proxy that leads Services to their endpoints.
import { readFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Client } from '../client/client.ts';
import { createSharedInformers } from '../client/shared-informers.ts';
import { createOwnServiceController, ensureOwnService } from '../controllers/own-service/own-service.ts';
import { createClusterDns } from '../network/dns/cluster-dns.ts';
import { upstreamServers } from '../network/dns/upstream-servers.ts';
import { createFlowEnder } from '../network/proxy/conntrack.ts';
import { createNftables, serviceTables } from '../network/proxy/nft/nftables.ts';
import { createServiceProxy, type ServiceProxy } from '../network/proxy/service-proxy.ts';
import { identities } from '../server/auth/authorize.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Crew } from './crew.ts';
import type { Layout } from './layout.ts';
import type { Machine } from './machine.ts';
import { serviceRangesOf } from './network-choice.ts';
import { dnsAddress, dnsService } from './own-services.ts';
import type { Settings } from './settings.ts';

export interface ServiceNetworkDeps {
  readonly layout: Layout;
  readonly settings: Settings;
  readonly plane: ControlPlane;
  readonly machine: Machine;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export const clusterDomain = 'cluster.local';
const dnsPort = 53;

/** Resolves once DNS listens and the Services that are there lead to their endpoints. */
export async function startServiceNetwork(deps: ServiceNetworkDeps, signal: AbortSignal): Promise<void> {
  const { settings, plane, machine, crew, clock, random, log } = deps;
  const { gateway, gateway6 } = machine.network;
  const proxy = startServiceProxy(deps, new Client(plane.transport(identities.proxy)));
  const serviceRanges = serviceRangesOf(settings);
  const addresses = [gateway, ...(gateway6 ? [gateway6] : [])];
  const dns = await createClusterDns({
    client: new Client(plane.transport(identities.dns)),
    domain: clusterDomain, addresses, port: dnsPort, serviceIPs: serviceRanges.map(dnsAddress),
    upstreams: upstreamServers(readIfThere('/etc/resolv.conf')),
    clock, random, log,
  }, signal);
  crew.run(dns);
  const service = dnsService(serviceRanges, { ips: addresses, port: dns.port });
  const client = new Client(plane.adminTransport);
  await ensureOwnService(service, client, signal);
  const informers = createSharedInformers({ client, clock, random, log });
  crew.run(createOwnServiceController(service, { client, informers, clock, log: log.named('controllers') }));
  crew.run(informers);
  await proxy.ready;
}

/** Resolves its `ready` once the Services that are there lead to their endpoints. */
export function startServiceProxy({ layout, settings, machine, crew, clock, random, log }: Omit<ServiceNetworkDeps, 'plane'>, client: Client): ServiceProxy {
  const { plan } = machine.network;
  const proxy = createServiceProxy({
    client,
    nodeName: settings.nodeName,
    plan,
    nftables: createNftables(layout.network, clock, { ...serviceTables, second: plan.podRange6 ? 'ip6' : undefined }),
    endFlows: createFlowEnder(log.named('service-proxy')),
    clock, random, log,
  });
  crew.run(proxy);
  return proxy;
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
