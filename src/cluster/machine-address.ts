// By which addresses this machine is reached.
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isOurs } from '../network/pod-network/machine-network.ts';
import { wildcards, type ParsedOptions } from './options.ts';

/** The first address of this machine that others could reach; loopback where there is none. */
export function machineAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const address of addresses ?? []) if (address.family === 'IPv4' && !address.internal) return address.address;
  }
  return '127.0.0.1';
}

/** Where other machines find the API server, if it listens for them. */
export function advertisedAddress({ host, advertiseAddress }: Pick<ParsedOptions, 'host' | 'advertiseAddress'>): string {
  return advertiseAddress ?? (wildcards.has(host) || isLoopback(host) ? machineAddress() : host);
}

export function nodeAddress(parsed: Pick<ParsedOptions, 'host' | 'advertiseAddress' | 'nodeIp'>): string {
  return parsed.nodeIp ?? advertisedAddress(parsed);
}

/** Of a cluster with both families one of each, where there is one. */
export function nodeAddresses(parsed: Pick<ParsedOptions, 'host' | 'advertiseAddress' | 'nodeIp'>, withIPv6: boolean): string[] {
  const second = withIPv6 ? machineAddress6() : undefined;
  return [nodeAddress(parsed), ...(second === undefined ? [] : [second])];
}

function machineAddress6(): string | undefined {
  for (const [link, addresses] of Object.entries(networkInterfaces())) {
    if (isOurs(link)) continue;
    for (const address of addresses ?? []) if (address.family === 'IPv6' && !address.internal && address.scopeid === 0) return address.address;
  }
  return undefined;
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** As it stands in a URL. */
export function hostText(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}
