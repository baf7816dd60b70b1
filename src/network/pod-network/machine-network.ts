// What the machine has of links, addresses and routes, read from the kernel's own files: no process is started.
import { accessSync, constants, readFileSync } from 'node:fs';
import { formatIpRange } from '../../base/ip.ts';
import type { MachineNetwork } from './choose.ts';

export function readMachineNetwork(): MachineNetwork {
  const addresses6 = parseAddresses6(readIfThere('/proc/net/if_inet6'));
  return {
    links: linkNames(),
    ranges: parseTrie(readFileSync('/proc/net/fib_trie', 'utf8')),
    ranges6: [...addresses6.map(({ range }) => range), ...parseRoutes6(readIfThere('/proc/net/ipv6_route'))],
    hasIPv6: addresses6.some(({ link }) => !isOurs(link)) && isWritable('/proc/sys/net/ipv6/conf/all/forwarding'),
  };
}

/** Bridges of Peapod's clusters: their addresses are nobody's outside. */
export function isOurs(link: string): boolean {
  return /^peapod\d+$/.test(link);
}

/** /proc/net/if_inet6: address, index, prefix, scope, flags, link. Those of this link or host alone are left out. */
export function parseAddresses6(text: string): { readonly range: string; readonly link: string }[] {
  return text.split('\n').flatMap((line) => {
    const [address, , , scope, , link] = line.trim().split(/\s+/);
    return address && scope === '00' && link && link !== 'lo' ? [{ range: rangeOf(address, 128), link }] : [];
  });
}

/** /proc/net/ipv6_route: destination and its prefix first, in hexadecimal. Without default routes, multicast, this link and loopback. */
export function parseRoutes6(text: string): string[] {
  const ranges = new Set<string>();
  for (const line of text.split('\n')) {
    const [destination = '', prefix = ''] = line.trim().split(/\s+/);
    const bits = parseInt(prefix, 16);
    if (bits > 0 && !/^(fe[89ab]|ff|0{31}1)/.test(destination)) ranges.add(rangeOf(destination, bits));
  }
  return [...ranges];
}

function rangeOf(hex: string, bits: number): string {
  return formatIpRange({ family: 'IPv6', first: BigInt(`0x${hex}`), bits });
}

/** Empty where the kernel has no IPv6. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Of the network namespace that this process is in, which /sys/class/net need not be of. */
export function linkNames(): string[] {
  return readFileSync('/proc/net/dev', 'utf8').split('\n').flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? []);
}

/** /proc/net/fib_trie holds every table: a leaf line with the address, and below it one line for each prefix of it. */
export function parseTrie(text: string): string[] {
  const ranges = new Set<string>();
  let address = '';
  for (const line of text.split('\n')) {
    const leaf = /\|-- (\S+)/.exec(line);
    if (leaf) address = leaf[1]!;
    const prefix = /^\s*\/(\d+) \S+ \S+/.exec(line);
    if (prefix && prefix[1] !== '0' && !address.startsWith('127.')) ranges.add(`${address}/${prefix[1]}`);
  }
  return [...ranges];
}
