// Kernel settings that forwarding between Pods needs, with a record of what they were before.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Absolute path under /proc/sys → value before us. */
export type SysctlRecord = Readonly<Record<string, string>>;

const wanted: Readonly<Record<string, string>> = {
  '/proc/sys/net/ipv4/ip_forward': '1',
  // Where the bridge filter is there: Pods on one bridge pass the packet rules too, as Services need it.
  '/proc/sys/net/bridge/bridge-nf-call-iptables': '1',
};

/** Sets what differs; gives `before` with what was changed now added. */
export function applySysctls(before: SysctlRecord): SysctlRecord {
  const record: Record<string, string> = { ...before };
  for (const [path, value] of Object.entries(wanted)) {
    const now = read(path);
    if (now === undefined || now === value) continue;
    writeFileSync(path, value);
    record[path] ??= now;
  }
  return record;
}

/** Not while another Pod network is on the machine, which may rely on them. */
export function restoreSysctls(before: SysctlRecord): void {
  if (readdirSync('/sys/class/net').some((link) => /^peapod\d+$/.test(link))) return;
  for (const [path, value] of Object.entries(before)) writeFileSync(path, value);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
