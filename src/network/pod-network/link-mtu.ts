// How large packets may be on the link that has an address of this machine's.
import { networkInterfaces } from 'node:os';
import { run } from './commands.ts';

export const usualMtu = 1500;

/** The usual one where there is no such link. */
export async function linkMtu(address: string | undefined, signal: AbortSignal): Promise<number> {
  const found = Object.entries(networkInterfaces()).find(([, addresses]) => addresses?.some((one) => one.address === address && !one.internal));
  if (!found) return usualMtu;
  return Number(/ mtu (\d+)/.exec(await run('ip', ['-o', 'link', 'show', 'dev', found[0]], signal).catch(() => ''))?.[1]) || usualMtu;
}
