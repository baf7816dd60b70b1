// What the machine has of links, addresses and routes, read from the kernel's own files: no process is started.
import { readdirSync, readFileSync } from 'node:fs';
import type { MachineNetwork } from './choose.ts';

export function readMachineNetwork(): MachineNetwork {
  return { links: readdirSync('/sys/class/net'), ranges: parseTrie(readFileSync('/proc/net/fib_trie', 'utf8')) };
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
