// Which packet filter leads Services to their endpoints on this machine.
import type { PacketFilter } from '../network/pod-network/rules.ts';
import { findProgram } from './requirements.ts';
import { UserError } from './user-error.ts';

const programs: Readonly<Record<PacketFilter, string>> = { nftables: 'nft', iptables: 'iptables-restore' };

/** nftables where it is, else iptables; undefined where there is neither. Throws UserError when the one that is asked for is missing. */
export function packetFilterOf(wanted: PacketFilter | undefined): PacketFilter | undefined {
  if (wanted === undefined) return (['nftables', 'iptables'] as const).find((filter) => findProgram(programs[filter]));
  if (!findProgram(programs[wanted])) throw new UserError(`${programs[wanted]} is missing, which --proxy-mode ${wanted} needs`, `apt-get install --no-install-recommends ${wanted}`);
  return wanted;
}
