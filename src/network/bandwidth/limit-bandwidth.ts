// Limits a Pod's traffic at both ends of its link: what it is sent at the node's end, what it sends at its own. Both limits go with the
// link, so there is nothing to clear away; and a Pod without limits costs nothing, which a CNI plugin in the chain of all would not.
import type { Bandwidth } from '../../api/kinds/pod/bandwidth.ts';
import { run } from '../pod-network/commands.ts';

/** `pid`: a process in the Pod's network. Idempotent. Throws an Error when the limits cannot be set. */
export async function limitBandwidth(pid: number, { ingressBits, egressBits }: Bandwidth, signal: AbortSignal): Promise<void> {
  const within = (program: string, args: readonly string[]) => run('nsenter', ['--target', String(pid), '--net', program, ...args], signal);
  if (egressBits !== undefined) await within('tc', limitArguments(podLink, egressBits));
  if (ingressBits === undefined) return;
  const [inside, all] = await Promise.all([within('ip', ['-o', 'link', 'show', 'dev', podLink]), run('ip', ['-o', 'link', 'show'], signal)]);
  const link = farEnd(inside, all);
  if (!link) throw new Error(`the node's end of ${podLink} is not found`);
  await run('tc', limitArguments(link, ingressBits), signal);
}

const podLink = 'eth0';

/** From `ip -o link show` inside and outside, the name of the link's other end. */
export function farEnd(inside: string, outside: string): string | undefined {
  const index = /^\d+: [^@\s]+@if(\d+):/.exec(inside)?.[1];
  return index === undefined ? undefined : new RegExp(`^${index}: ([^@:\\s]+)`, 'm').exec(outside)?.[1];
}

/** How long a packet may wait for its turn; one that would wait longer is dropped, as the CNI plugin does it. */
const longestWaitMs = 25;
/** What may go at once: a tenth of a second's worth, but one packet at least, and what the kernel can count at most. */
const [leastBurstBytes, mostBurstBytes] = [3_200, 2 ** 30];

/** For `tc`: a token bucket. */
export function limitArguments(link: string, bits: number): string[] {
  const burstBytes = Math.min(mostBurstBytes, Math.max(leastBurstBytes, Math.ceil(bits / 8 / 10)));
  return ['qdisc', 'replace', 'dev', link, 'root', 'tbf', 'rate', `${bits}bit`, 'burst', `${burstBytes}b`, 'latency', `${longestWaitMs}ms`];
}
