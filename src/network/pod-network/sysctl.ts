// Kernel settings that forwarding between Pods needs, with a record of what they were before.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isOurs, linkNames } from './machine-network.ts';

/** Absolute path under /proc/sys → value before us. */
export type SysctlRecord = Readonly<Record<string, string>>;

const wanted: Readonly<Record<string, string>> = {
  '/proc/sys/net/ipv4/ip_forward': '1',
};
const wanted6: Readonly<Record<string, string>> = {
  '/proc/sys/net/ipv6/conf/all/forwarding': '1',
};
const interfaces6 = '/proc/sys/net/ipv6/conf';

/** Sets what differs; gives `before` with what was changed now added. */
export function applySysctls(before: SysctlRecord, withIPv6: boolean): SysctlRecord {
  const record: Record<string, string> = { ...before };
  const set = (path: string, value: string) => {
    const now = read(path);
    if (now === undefined || now === value) return;
    writeFileSync(path, value);
    record[path] ??= now;
  };
  for (const [path, value] of Object.entries(wanted)) set(path, value);
  if (!withIPv6) return record;
  if (read(`${interfaces6}/all/forwarding`) === '0') keepRouters(set, record);
  for (const [path, value] of Object.entries(wanted6)) set(path, value);
  return record;
}

/**
 * A machine that forwards no longer listens to its routers, and forgets the default route that it has from them, unless an
 * interface says that it is to go on (accept_ra 2). What forwarded already must do so again when all others are set back.
 */
function keepRouters(set: (path: string, value: string) => void, record: Record<string, string>): void {
  for (const link of readdirSync(interfaces6)) {
    if (link === 'all' || link === 'default' || link === 'lo' || isOurs(link)) continue;
    const forwarding = `${interfaces6}/${link}/forwarding`;
    if (read(forwarding) === '1') record[forwarding] ??= '1';
    else if (read(`${interfaces6}/${link}/accept_ra`) === '1') set(`${interfaces6}/${link}/accept_ra`, '2');
  }
}

/** Not while another Pod network is on the machine, which may rely on them. */
export function restoreSysctls(before: SysctlRecord): void {
  if (linkNames().some(isOurs)) return;
  // Of all interfaces first, then of those that differ.
  for (const [path, value] of Object.entries(before).sort(([a], [b]) => Number(b.includes('/all/')) - Number(a.includes('/all/')))) {
    try {
      writeFileSync(path, value);
    } catch {
      // That interface has gone since.
    }
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
