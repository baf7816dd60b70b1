// Services by iptables, where there is no nftables: one transaction for each IP family and table. Nothing tells of what others do to the
// rules, so they are looked at every few seconds.
import type { Clock } from '../../../base/clock.ts';
import type { IpFamily } from '../../../base/ip.ts';
import type { PodNetworkPlan } from '../../pod-network/choose.ts';
import { run } from '../../pod-network/commands.ts';
import { chainPrefix } from '../../pod-network/iptables-rules.ts';
import type { PacketRules } from '../packet-rules.ts';
import { iptablesRules } from './service-rules.ts';
import { jumps, type IptablesPlan } from './skeleton.ts';
import { IptablesTables } from './tables.ts';

const lookEveryMs = 5000;

export function createIptablesRules(plan: PodNetworkPlan, clock: Clock): PacketRules {
  const families = new Map(plansOf(plan).map(([family, own]) => [family, { plan: own, tables: new IptablesTables(own), program: family === 'IPv4' ? 'iptables' : 'ip6tables' }]));
  const isThere = async (signal: AbortSignal) => (await Promise.all([...families.values()].map((one) => areThere(one.plan, one.program, signal)))).every(Boolean);
  return {
    put(family, owner, port) {
      const { plan: own, tables } = families.get(family)!;
      tables.put(owner, port && iptablesRules(port, own));
    },
    async apply(whole, signal) {
      for (const { tables, program } of families.values()) {
        const script = whole ? tables.takeWhole({ nat: await save(program, 'nat', signal), filter: await save(program, 'filter', signal) }) : tables.takeChanges();
        if (script) await run(`${program}-restore`, ['-w', '--noflush'], signal, script);
      }
    },
    isThere,
    async watchDeletions(onDeleted, signal) {
      while (!signal.aborted) {
        await clock.sleep(lookEveryMs, signal).catch(() => {});
        if (!signal.aborted && !(await isThere(signal))) onDeleted();
      }
    },
  };
}

function save(program: string, table: string, signal: AbortSignal): Promise<string> {
  return run(`${program}-save`, ['-t', table], signal);
}

/** The machine's chains lead to ours, and those are not empty. */
async function areThere(plan: IptablesPlan, program: string, signal: AbortSignal): Promise<boolean> {
  const rulesOf = (table: string, chain: string) => run(program, ['-w', '-t', table, '-S', chain], signal).catch(() => '');
  const wanted: [table: string, chain: string, rule: string][] = Object.entries(jumps(plan)).flatMap(([table, rules]) => rules.map((rule): [string, string, string] => [table, rule.split(' ')[0]!, `-A ${rule}`]));
  for (const [table, chain, rule] of wanted) if (!(await rulesOf(table, chain)).split('\n').includes(rule)) return signal.aborted;
  for (const [table, word] of [['nat', 'SERVICES'], ['nat', 'POSTROUTING'], ['filter', 'UNSERVED']]) if (!(await rulesOf(table!, chainPrefix(plan) + word)).includes('-A ')) return signal.aborted;
  return true;
}

function plansOf({ bridge, podRange, serviceRange, podRange6, serviceRange6 }: PodNetworkPlan): [IpFamily, IptablesPlan][] {
  const plans: [IpFamily, IptablesPlan][] = [['IPv4', { family: 'ip', bridge, podRange, serviceRange }]];
  if (podRange6 && serviceRange6) plans.push(['IPv6', { family: 'ip6', bridge, podRange: podRange6, serviceRange: serviceRange6 }]);
  return plans;
}
