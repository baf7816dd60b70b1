// What a Pod's containers know of names: its hostname, /etc/hosts and /etc/resolv.conf.
import type { Pod } from '../../api/types.ts';

export interface DnsSettings {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** The cluster's DNS; without servers every Pod uses the node's own. */
export interface ClusterDns {
  readonly servers: readonly string[];
  readonly domain: string;
}

/** The Pod's short host name and, when it has a subdomain, the whole one. An override is a host name of its own, in no domain. */
export function hostnameOf(pod: Pod, domain: string): { hostname: string; fqdn: string | undefined } {
  const { hostname: chosen, hostnameOverride, subdomain } = pod.spec;
  const hostname = hostnameOverride ?? (chosen || pod.metadata.name).slice(0, longestHostname).replace(/[-.]+$/, '');
  return { hostname, fqdn: subdomain && hostnameOverride === undefined ? `${hostname}.${subdomain}.${pod.metadata.namespace}.svc.${domain}` : undefined };
}

const longestHostname = 63;
/** What the kernel takes as a host name. */
const longestKernelHostname = 64;

/** What the kernel of the Pod is told, and `hostname` prints. Throws when the whole name is asked for and too long for it. */
export function kernelHostname(pod: Pod, domain: string): string {
  const { hostname, fqdn } = hostnameOf(pod, domain);
  if (!pod.spec.setHostnameAsFQDN || fqdn === undefined) return hostname;
  if (fqdn.length > longestKernelHostname) {
    throw new Error(`failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (${longestKernelHostname} characters is the max, ${fqdn.length} characters requested)`);
  }
  return fqdn;
}

export function hostsFile(pod: Pod, podIPs: readonly string[], domain: string): string {
  const { hostname, fqdn } = hostnameOf(pod, domain);
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...podIPs.map((ip) => `${ip}\t${fqdn ? `${fqdn}\t${hostname}` : hostname}`),
  ];
  return `${lines.join('\n')}\n${aliases(pod)}`;
}

export function hostNetworkHostsFile(pod: Pod, nodeHosts: string): string {
  return `# Kubernetes-managed hosts file (host network).\n${nodeHosts}${aliases(pod)}`;
}

function aliases(pod: Pod): string {
  const entries = pod.spec.hostAliases ?? [];
  if (!entries.length) return '';
  return `\n# Entries added by HostAliases.\n${entries.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`).join('')}`;
}

export function dnsOf(pod: Pod, cluster: ClusterDns, node: DnsSettings): DnsSettings {
  const policy = pod.spec.hostNetwork && pod.spec.dnsPolicy === 'ClusterFirst' ? 'Default' : (pod.spec.dnsPolicy ?? 'ClusterFirst');
  const base = basis();
  const own = pod.spec.dnsConfig;
  if (!own) return base;
  const options = new Map(base.options.map((option) => [option.split(':')[0]!, option]));
  for (const { name = '', value } of own.options ?? []) options.set(name, value === undefined ? name : `${name}:${value}`);
  return {
    servers: unique([...base.servers, ...(own.nameservers ?? [])]),
    searches: unique([...base.searches, ...(own.searches ?? [])]),
    options: [...options.values()],
  };

  function basis(): DnsSettings {
    if (policy === 'None') return { servers: [], searches: [], options: [] };
    if (policy === 'Default' || cluster.servers.length === 0) return node;
    const { domain } = cluster;
    const searches = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain, ...node.searches];
    return { servers: cluster.servers, searches: unique(searches), options: ['ndots:5'] };
  }
}

/** resolv.conf(5), as far as Pods inherit it. */
export function parseResolvConf(text: string): DnsSettings {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [key, ...values] = line.trim().split(/\s+/);
    if (key === 'nameserver' && values[0]) servers.push(values[0]);
    else if (key === 'search') searches = values.filter((value) => value !== '.').map((value) => value.replace(/\.$/, ''));
    else if (key === 'options') options = values;
  }
  return { servers, searches, options };
}

const mostServers = 3;
const mostSearches = 32;
const longestSearchCharacters = 2048;

/** As much as a resolver takes, and what had to be left out, in the kubelet's words. */
export function fittingDns({ servers, searches, options }: DnsSettings): { readonly dns: DnsSettings; readonly omitted: readonly string[] } {
  const fittingServers = servers.slice(0, mostServers);
  let fittingSearches = searches.slice(0, mostSearches);
  while (fittingSearches.join(' ').length > longestSearchCharacters) fittingSearches = fittingSearches.slice(0, -1);
  const omitted = [
    ...(fittingServers.length < servers.length ? [`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${fittingServers.join(' ')}`] : []),
    ...(fittingSearches.length < searches.length ? [`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${fittingSearches.join(' ')}`] : []),
  ];
  return { dns: { servers: fittingServers, searches: fittingSearches, options }, omitted };
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}
