// The Pod network's own chain in iptables, at work.
import { run } from './commands.ts';
import { iptablesMasquerade } from './iptables-rules.ts';
import type { PodNetworkPlan } from './choose.ts';

/** May be called again with other `nodes`; in between it is never without its rules. */
export async function masqueradeByIptables(plan: PodNetworkPlan, family: 'ip' | 'ip6', signal: AbortSignal, nodes: readonly string[] = []): Promise<void> {
  const program = family === 'ip' ? 'iptables' : 'ip6tables';
  const saved = await run(`${program}-save`, ['-t', 'nat'], signal);
  await run(`${program}-restore`, ['-w', '--noflush'], signal, iptablesMasquerade(plan, family, saved, nodes));
}
