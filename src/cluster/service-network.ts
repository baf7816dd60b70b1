// The service network of this machine: DNS, the proxy that leads Services to their endpoints, and the one that serves Ingresses.
import { readFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/event-recorder.ts';
import { createSharedInformers } from '../client/shared-informers.ts';
import { createOwnServiceController, ensureOwnService } from '../controllers/own-service/own-service.ts';
import { createClusterDns } from '../network/dns/cluster-dns.ts';
import { upstreamServers } from '../network/dns/upstream-servers.ts';
import { createIngressController } from '../network/ingress/ingress-controller.ts';
import { createFlowEnder } from '../network/proxy/conntrack.ts';
import { createNftables, serviceTables } from '../network/proxy/nft/nftables.ts';
import { createIptablesRules } from '../network/proxy/iptables/iptables.ts';
import { createNftRules } from '../network/proxy/nft/nft-rules.ts';
import { createNoRules, type PacketRules } from '../network/proxy/packet-rules.ts';
import { createServiceProxy, type ServiceProxy } from '../network/proxy/service-proxy.ts';
import { identities } from '../server/auth/authorize.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Crew } from './crew.ts';
import type { Layout } from './layout.ts';
import type { Machine } from './machine.ts';
import { serviceRangesOf } from './network-choice.ts';
import type { ParsedOptions } from './options.ts';
import { dnsAddress, dnsService } from './own-services.ts';
import type { Settings } from './settings.ts';

export interface ServiceNetworkDeps {
  readonly layout: Layout;
  readonly settings: Settings;
  readonly parsed: ParsedOptions;
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
  const { settings, parsed, plane, machine, crew, clock, random, log } = deps;
  const { gateway, gateway6 } = machine.network;
  const proxy = startServiceProxy(deps, new Client(plane.transport(identities.proxy)));
  crew.run(createIngressController({
    client: new Client(plane.transport(identities.ingress)),
    nodeName: settings.nodeName,
    httpPort: parsed.ingressHttpPort ?? 80,
    httpsPort: parsed.ingressHttpsPort ?? 443,
    clock, random, log,
  }));
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

type ProxyDeps = Omit<ServiceNetworkDeps, 'plane' | 'parsed'>;

/** Resolves its `ready` once the Services that are there lead to their endpoints. */
export function startServiceProxy(deps: ProxyDeps, client: Client): ServiceProxy {
  const { settings, machine, crew, clock, random, log } = deps;
  const proxy = createServiceProxy({
    client,
    nodeName: settings.nodeName,
    families: machine.network.plan.podRange6 ? ['IPv4', 'IPv6'] : ['IPv4'],
    rules: rulesOf(deps, client),
    endFlows: createFlowEnder(log.named('service-proxy')),
    clock, random, log,
  });
  crew.run(proxy);
  return proxy;
}

function rulesOf(deps: ProxyDeps, client: Client): PacketRules {
  const { layout, machine: { filter, network: { plan } }, clock, log } = deps;
  switch (filter) {
    case 'nftables':
      return createNftRules(plan, createNftables(layout.network, clock, { ...serviceTables, second: plan.podRange6 ? 'ip6' : undefined }));
    case 'iptables':
      return createIptablesRules(plan, clock);
    case undefined:
      missingFilter(deps, client);
      log.warn('neither nftables nor iptables is installed: Services are not led to their Pods, and Pods do not reach the world', { remedy: 'apt-get install --no-install-recommends nftables' });
      return createNoRules();
  }
}

function missingFilter({ settings, crew, clock, random, log }: ProxyDeps, client: Client): void {
  const events = createEventRecorder({ client, component: 'service-proxy', host: settings.nodeName, clock, random, log });
  crew.atEnd('events of the service proxy', () => events.flush(AbortSignal.timeout(1000)));
  events.event({ apiVersion: 'v1', kind: 'Node', metadata: { name: settings.nodeName, uid: settings.nodeName } }, 'Warning', 'MissingPacketFilter', 'Services are not led to their Pods: neither nftables nor iptables is installed on this node');
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
